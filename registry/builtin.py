"""Where each built-in component lives, so that listing names imports none of them.

`BUILTIN` maps a name to the module that registers it, `ALIASES` an alias to its name. A test holds both against what
the modules register.
"""

_LAYERS = {
    "simple_rnn": "recurrent",
    "lstm": "recurrent",
    "gru": "recurrent",
    "bidirectional": "bidirectional",
    "conv1d": "convolution",
    "tcn_block": "tcn_block",
    "multi_head_attention": "attention",
    "sinusoidal_positions": "positions",
    "learned_positions": "positions",
    "transformer_block": "transformer_block",
    "pooling": "pooling",
    "attach_mask": "masking",
}
_MODELS = ("rnn", "lstm", "gru", "cnn", "tcn", "transformer", "linear")
_TASKS = ("digits", "adding", "mnist", "imdb_reviews", "trec")

BUILTIN: dict[str, dict[str, str]] = {
    "layers": {name: f"keraseq.layers.{module}" for name, module in _LAYERS.items()},
    "models": {name: f"keraseq.models.{name}" for name in _MODELS},
    "tasks": {name: f"keraseq.tasks.{name}" for name in _TASKS},
    "algorithms": {name: f"keraseq.tuning.algorithms.{name}" for name in ("random", "tpe")},
    "strategies": {name: f"keraseq.training.strategies.{name}" for name in ("auto", "cpu", "gpu")},
}

ALIASES: dict[str, dict[str, str]] = {
    "models": {"vanilla_rnn": "rnn", "temporal_convolutional_network": "tcn"},
    "tasks": {"imdb": "imdb_reviews"},
}
