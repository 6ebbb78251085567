"""Hypermodels for the children of a search; each breaks in its own way where it is told to."""

import os
import resource
import signal
import time

import keras
import keras_tuner as kt
import numpy as np


class Dense(kt.HyperModel):
    """A softmax on the pixels; `fault` happens in the middle of training."""

    def __init__(self, fault=None):
        super().__init__()
        self.fault = fault

    def build(self, hp):
        inputs = keras.Input((64, 1))
        x = keras.layers.Flatten()(inputs)
        if hp.Boolean("hidden", default=True):
            x = keras.layers.Dense(hp.Int("units", 8, 32, step=8), activation="relu")(x)
        model = keras.Model(inputs, keras.layers.Dense(10)(x))
        model.compile(
            keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-2, sampling="log")),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        return model.fit(*args, callbacks=[*callbacks, Fault(self.fault)], **kwargs)


class Fault(keras.callbacks.Callback):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def on_train_batch_end(self, batch, logs=None):
        if batch != 3:
            return
        match self.kind:
            case "raise":
                raise ValueError("on purpose")
            case "nan":
                self.model.set_weights([np.full_like(w, np.nan) for w in self.model.get_weights()])
            case "abort":
                os.abort()
            case "exit":
                os._exit(0)
            case "loop":
                while True:
                    pass
            case "full":
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as on a full disk
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            case "hang":
                time.sleep(600)
            case "memory":
                kept = [np.ones(1 << 27) for _ in range(20)]  # 20 GiB
                assert kept
