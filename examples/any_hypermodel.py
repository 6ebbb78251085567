"""Any `kt.HyperModel`, searched by Optuna: its hyperparameters are asked for when the model first declares them."""

import tempfile

import keras
import keras_tuner as kt

import keraseq


class Perceptron(kt.HyperModel):
    """One or two dense layers on all pixels at once."""

    def build(self, hp):
        inputs = keras.Input((64, 1))
        x = keras.layers.Flatten()(inputs)
        for i in range(hp.Int("layers", 1, 2)):
            x = keras.layers.Dense(hp.Int(f"units_{i}", 16, 64, sampling="log"), activation="relu")(x)
        model = keras.Model(inputs, keras.layers.Dense(10)(x))
        rate = hp.Float("learning_rate", 1e-3, 1e-2, sampling="log")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        return model


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        study = keraseq.search("digits", hypermodel=Perceptron(), trials=3, epochs=5, directory=folder)
        print(study.leaderboard()[0].to_json())
