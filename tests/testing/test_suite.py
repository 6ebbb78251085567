"""Reports, strict expected failures, and checks as pytest parameters."""

import keras
import pytest

from keraseq.errors import UsageError
from keraseq.layers import SinusoidalPositions
from keraseq.registry import UnknownNameError, layers, models
from keraseq.testing import LAYER_CHECKS, LAYERS, SUITES, check_layer, parametrize_checks, suite_of

pytest_plugins = ["pytester"]
CHECKS = {check.__name__: check for check in LAYER_CHECKS}


class Forgetful(SinusoidalPositions):
    """Loses its argument."""

    def get_config(self):
        return keras.Layer.get_config(self)


@pytest.fixture
def register(monkeypatch):
    """Registers a layer for one test."""
    layers.names(tags={"causal"})
    monkeypatch.setattr(layers, "_entries", dict(layers._entries))

    def register(cls, **told):
        layers.register("own", tags={"positions", "causal"}, **told)(type(cls.__name__, (cls,), {}))

    return register


@pytest.fixture
def only(monkeypatch):
    """Leaves the suite of layers a few checks, so that a test is fast."""
    return lambda *names: monkeypatch.setattr(LAYERS, "checks", tuple(CHECKS[name] for name in names))


def test_a_report_tells_what_ran_and_what_was_not_asked_for() -> None:
    report = check_layer("sinusoidal_positions", base=50.0)
    assert report.cases == ("base=50.0",)
    assert report.ran == len(report.of("passed")) == len(LAYER_CHECKS) - 2
    assert {result.check: result.message for result in report.of("not asked")} == {
        "check_context": "it has no context",
        "check_context_padding": "it has no context",
    }
    assert report.stepping is not None
    assert report.seconds > 0


def test_the_cases_of_a_registration_are_tried(register, only) -> None:
    only("check_shapes", "check_config")
    register(SinusoidalPositions, cases=({}, {"base": 50.0}, lambda: {"base": 70.0}))
    report = check_layer("own")
    assert report.cases == ("defaults", "base=50.0", "base=70.0")
    assert report.ran == 6


def test_every_failure_is_told(register, only) -> None:
    only("check_shapes", "check_config", "check_saving")
    register(Forgetful)
    with pytest.raises(AssertionError, match=r"(?s)layers own.*check_config: get_config lacks base \[defaults\]"):
        check_layer("own")


def test_an_expected_failure_passes_with_its_reason(register, only) -> None:
    only("check_shapes", "check_config")
    register(Forgetful, expected_failures={"check_config": "it forgets"})
    report = check_layer("own")
    (result,) = report.of("expected")
    assert (result.check, result.message) == ("check_config", "it forgets")
    assert report.ran == 2


def test_an_expected_failure_that_passes_fails(register, only) -> None:
    only("check_shapes", "check_config")
    register(SinusoidalPositions, expected_failures={"check_config": "it forgets"})
    with pytest.raises(AssertionError, match="check_config: passes, though it is expected to fail: it forgets"):
        check_layer("own")


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"check_configg": "it forgets"}, "no check named 'check_configg'; did you mean 'check_config'"),
        ({"check_config": " "}, "check_config is given no reason"),
        ({"check_registration": "it lies"}, "no check named 'check_registration'"),
    ],
)
def test_expected_failures_are_of_known_checks_for_a_reason(expected, message, register, only) -> None:
    only("check_registration")
    register(SinusoidalPositions, expected_failures=expected)
    with pytest.raises(AssertionError, match=message):
        check_layer("own")


def test_without_cases_nothing_is_run(register) -> None:
    register(SinusoidalPositions, cases=())
    assert check_layer("own").not_run == "it is registered without cases"


def test_an_error_in_a_layer_is_a_failure_on_one_line(only) -> None:
    only("check_shapes")
    with pytest.raises(AssertionError, match=r"check_shapes: TypeError: .*a\d? b"):
        check_layer(_raises)


def test_wrong_calls_are_told() -> None:
    with pytest.raises(UsageError, match="settings are for registered names"):
        check_layer(SinusoidalPositions, base=50.0)
    with pytest.raises(UnknownNameError, match="did you mean 'lstm'"):
        check_layer("lstn")
    with pytest.raises(UsageError, match="no kind with checks named 'layer'; did you mean 'layers'"):
        suite_of("layer")
    with pytest.raises(UnknownNameError, match="did you mean 'conv1d'"):
        parametrize_checks("layers", ["conv1"])


def test_parameters_are_all_checks_of_all_cases() -> None:
    (names, parameters) = parametrize_checks("layers", ["gru"]).args
    assert names == ("name", "case", "check")
    assert len(parameters) == len(LAYER_CHECKS) * len(layers.entry("gru").cases)
    assert parameters[0].id == "gru-0-check_registration"
    assert {parameter.values[0] for parameter in parametrize_checks("models").args[1]} == set(models.names())
    assert set(SUITES) == {"layers", "models", "tasks"}


def test_pytest_sees_passes_skips_expected_failures_and_failures(pytester) -> None:
    pytester.makepyfile(
        """
        import keras
        import pytest
        from keraseq.layers import SinusoidalPositions
        from keraseq.registry import layers
        from keraseq.testing import LAYERS, LAYER_CHECKS, parametrize_checks

        class Forgetful(SinusoidalPositions):
            def get_config(self):
                return keras.Layer.get_config(self)

        wanted = ("check_shapes", "check_config", "check_context")
        LAYERS.checks = tuple(check for check in LAYER_CHECKS if check.__name__ in wanted)
        told = {"tags": {"positions", "causal"}}
        layers.register("own", **told)(type("Own", (SinusoidalPositions,), {}))
        layers.register("weak", **told, expected_failures={"check_config": "it forgets"})(Forgetful)
        layers.register("lying", **told, expected_failures={"check_config": "it forgets"})(SinusoidalPositions)

        @parametrize_checks("layers", ["own", "weak", "lying"])
        def test_conformance(name, case, check):
            check(name, case)
        """
    )
    result = pytester.runpytest_subprocess("-rxs", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4, skipped=3, xfailed=1, failed=1)
    for line in ("SKIPPED*it has no context", "XFAIL*weak-0-check_config* - it forgets", "*XPASS(strict)* it forgets"):
        result.stdout.fnmatch_lines([line])


def _raises():
    raise TypeError("\x1b[1ma\x1b[0m\n\nb")
