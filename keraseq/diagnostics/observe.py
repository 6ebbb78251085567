"""What the layers of a model do on a batch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keraseq.errors import UsageError
from keraseq.layers.bidirectional import Bidirectional
from keraseq.ops.graph import mask_of, run_graph


def attention_maps(model: keras.Model, inputs: Any) -> dict[str, np.ndarray]:
    """The attention weights of every attention layer or block.

    Args:
        model: fresh or trained.
        inputs: a batch of what the model takes.

    Returns:
        Name of the layer → weights, `(batch, heads, query, key)`. Those of one query sum to 1 over the keys, except in
        linear attention with rotary positions. In an encoder–decoder names begin with `encoder/` or `decoder/`.

    Raises:
        UsageError: no layer has attention weights.
    """
    return _observe(model, inputs, "attention_weights", "attention weights, as attention layers have")


def gate_activations(model: keras.Model, inputs: Any) -> dict[str, dict[str, np.ndarray]]:
    """The gates of every gated layer, each in (0, 1).

    Args:
        model: fresh or trained.
        inputs: a batch of what the model takes.

    Returns:
        Name of the layer → name of the gate → activations, `(batch, time, units)`.

    Raises:
        UsageError: no layer has gates.
    """
    return _observe(model, inputs, "gate_activations", "gates, as lstm, gru, min_lstm and min_gru have")


def _observe(model: keras.Model, inputs: Any, method: str, what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _run(model, inputs, method, "", found)
    if not found:
        raise UsageError(f"model {model.name!r} has no layer with {what}")
    return found


def _run(model: keras.Model, inputs: Any, method: str, prefix: str, found: dict[str, Any]) -> Any:
    """Runs `model`, asking each layer that has `method` with the arguments of its call."""

    def watched(layer: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            if isinstance(layer, keras.Model):
                return _run(layer, arguments[0], method, f"{prefix}{layer.name}/", found)
            for name, part in _layers(layer).items():
                if _offers(part, method):
                    seen = getattr(part, method)(*arguments, *map(mask_of, arguments))
                    found[prefix + name] = keras.tree.map_structure(ops.convert_to_numpy, seen)
            return layer(*arguments, **named)

        return run

    return run_graph(model, inputs, watched)


def _offers(layer: Any, method: str) -> bool:
    """Whether a layer can tell; a block can where the attention that it was given can."""
    given = getattr(layer, "attention", None)
    return hasattr(layer, method) and (not isinstance(given, keras.Layer) or hasattr(given, method))


def _layers(layer: Any) -> dict[str, Any]:
    """The layer by its name; both layers of a bidirectional one."""
    if isinstance(layer, Bidirectional):
        return {f"{layer.name}/forward": layer.forward, f"{layer.name}/backward": layer.backward}
    return {layer.name: layer}
