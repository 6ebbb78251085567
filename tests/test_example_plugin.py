"""The example plugin, installed by pip outside the source tree: listed, described, checked, searched, saved, loaded."""

import importlib.util
import json

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keraseq_example") is None,
    reason="the example plugin is not installed: pip install ./examples/plugin",
)


@pytest.fixture
def told(keraseq):
    def run(*arguments):
        code, out, err = keraseq(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run


def test_it_is_listed_and_described(told):
    listed = told("list")
    assert {"name": "aft", "source": "keraseq-example 0.1.0"} in listed["models"]
    assert {"name": "aft_simple", "source": "keraseq-example 0.1.0"} in listed["layers"]
    (described,) = told("describe", "aft")
    assert described["source"] == "keraseq-example 0.1.0"
    assert "units" in [setting["name"] for setting in described["settings"]]


def test_its_layer_passes_every_check():
    from keraseq.testing import check_layer

    check_layer("aft_simple", units=4)


def test_its_family_passes_every_check():
    from keraseq.testing import check_model

    check_model("aft")


def test_it_is_searched_saved_and_loaded(told, tmp_path, data_dir, digits):
    options = ["--models", "aft", "--trials", "1", "--epochs", "2", "--seeds", "0", "--data-dir", data_dir]
    found = told("search", "digits", *options, "--directory", str(tmp_path / "study"))
    assert found["leaderboard"][0]["validation"]["mean"] > 0.2
    example = json.dumps(digits.raw("test", 1)[0][0].tolist())
    (answer,) = told("predict", str(tmp_path / "study" / "best"), example)
    assert answer["label"] in digits.output.labels
