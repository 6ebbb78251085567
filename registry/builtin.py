"""Where each built-in component lives, so that listing names imports none of them.

`BUILTIN` maps a name to the module that registers it, `ALIASES` an alias to its name. A test holds both against what
the modules register.
"""

_LAYERS = {
    "simple_rnn": "recurrent",
    "lstm": "recurrent",
    "gru": "recurrent",
    "min_gru": "min_gru",
    "min_lstm": "min_gru",
    "lru": "lru",
    "s4d": "s4d",
    "selective_ssm": "selective_ssm",
    "mamba_block": "mamba_block",
    "gated_block": "gated_block",
    "bidirectional": "bidirectional",
    "conv1d": "convolution",
    "depthwise_conv1d": "depthwise",
    "separable_conv1d": "separable",
    "gated_conv1d": "gated_convolution",
    "tcn_block": "tcn_block",
    "multi_head_attention": "attention",
    "cross_attention": "cross_attention",
    "linear_attention": "linear_attention",
    "additive_attention": "single_attention",
    "multiplicative_attention": "single_attention",
    "dot_product_attention": "single_attention",
    "cross_attention_block": "cross_attention_block",
    "sinusoidal_positions": "positions",
    "learned_positions": "positions",
    "rotary": "relative_positions",
    "relative_bias": "relative_positions",
    "alibi": "relative_positions",
    "feed_forward": "feed_forward",
    "transformer_block": "transformer_block",
    "transformer_decoder_block": "transformer_block",
    "conformer_convolution": "conformer_block",
    "conformer_block": "conformer_block",
    "pooling": "pooling",
    "attention_pooling": "attention_pooling",
    "attach_mask": "masking",
    "blank_padding": "blank_padding",
    "log_mel": "log_mel",
    "scheduled_sampling": "scheduled_sampling",
}
_MODELS = (
    "rnn",
    "lstm",
    "gru",
    "min_gru",
    "min_lstm",
    "lru",
    "s4d",
    "mamba",
    "cnn",
    "tcn",
    "wavenet",
    "transformer",
    "conformer",
    "linear",
)
_TASKS = (
    "digits",
    "adding",
    "copy_memory",
    "selective_copy",
    "induction",
    "mqar",
    "parity",
    "dyck",
    "listops",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "imdb_reviews",
    "yelp_polarity_reviews",
    "sst2",
    "ag_news_subset",
    "trec",
    "scan",
    "smartwatch_gestures",
    "universal_dependencies",
    "conll2003",
    "tiny_shakespeare",
    "penn_treebank",
    "lm1b",
    "wiki40b",
    "jsb_chorales",
    "ett",
    "multi30k",
    "ted_hrlr_translate",
    "wmt",
    "spoken_digit",
    "spoken_digit_strings",
    "speech_commands",
    "table",
)
_ALGORITHMS = {
    **{name: name for name in ("race", "tpe", "random", "grid", "nsga2", "cmaes")},
    **dict.fromkeys(("kt-random", "kt-bayesian", "kt-hyperband"), "keras_tuner"),
}

BUILTIN: dict[str, dict[str, str]] = {
    "layers": {name: f"keraseq.layers.{module}" for name, module in _LAYERS.items()},
    "models": {name: f"keraseq.models.{name}" for name in _MODELS},
    "tasks": {name: f"keraseq.tasks.{name}" for name in _TASKS},
    "algorithms": {name: f"keraseq.tuning.algorithms.{module}" for name, module in _ALGORITHMS.items()},
    "strategies": {
        name: f"keraseq.training.strategies.{name.replace('-', '_')}"
        for name in ("auto", "cpu", "data-parallel", "gpu", "mirrored", "model-parallel", "multiworker", "tpu")
    },
}

ALIASES: dict[str, dict[str, str]] = {
    "models": {"vanilla_rnn": "rnn", "temporal_convolutional_network": "tcn"},
    "tasks": {
        "imdb": "imdb_reviews",
        "yelp": "yelp_polarity_reviews",
        "glue/sst2": "sst2",
        "ag_news": "ag_news_subset",
    },
}
