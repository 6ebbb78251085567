"""Conformance checks: what every layer and every model family must do, those of plugins included.

from keraseq.testing import check_layer, check_model

def test_my_layer():
    check_layer("my_layer", units=4)

def test_my_family():
    check_model("my_family")
"""

from keraseq.testing.layers import LAYER_CHECKS, check_layer
from keraseq.testing.models import MODEL_CHECKS, check_model

__all__ = ["LAYER_CHECKS", "MODEL_CHECKS", "check_layer", "check_model"]
