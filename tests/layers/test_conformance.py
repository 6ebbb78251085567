"""Every registered layer passes every check, and every public layer is registered."""

import keras
import pytest

from keraseq import layers
from keraseq.registry import layers as registry
from keraseq.testing import parametrize_checks

# Public classes that the checks do not run on, and why.
EXCUSED = {
    "AttachMask": "its second input is the mask: tested in test_layers.py, and used by the checks themselves",
    "BlankPadding": "it takes the mask and passes none on: tested in models/test_transduction.py",
    "LogMel": "it takes samples and gives frames, fewer of them: tested in test_log_mel.py",
    "ScheduledSampling": "it takes symbols and logits, and gives symbols: tested in models/test_encoder_decoder.py",
}


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@parametrize_checks("layers")
def test_conformance(name, case, check) -> None:
    check(name, case)


@pytest.mark.parametrize("name", sorted(set(layers.__all__) - {"import_all"}))
def test_every_public_layer_is_checked_or_excused(name) -> None:
    cls = getattr(layers, name)
    assert issubclass(cls, keras.Layer)
    registered = registry.name_of(cls)
    checked = registered is not None and bool(registry.entry(registered).cases)
    assert checked != (name in EXCUSED), (
        f"{name} is {'checked and excused' if checked else 'neither checked nor excused'}"
    )


def test_every_built_in_layer_is_public() -> None:
    public = {getattr(layers, name) for name in layers.__all__}
    assert {name for name in registry.builtin if registry.get(name) not in public} == set()
