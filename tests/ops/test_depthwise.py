"""Depthwise convolution against plain NumPy and against TensorFlow's own."""

import keras
import numpy as np
import pytest
from keras import ops

from keraseq.ops.depthwise import depthwise_conv

TAPS, FEATURES, TIME = 3, 4, 6


def arrays(dilation):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, TIME + dilation * (TAPS - 1), FEATURES)).astype("float32")
    return x, rng.normal(size=(TAPS, FEATURES)).astype("float32")


@pytest.mark.parametrize("dilation", [1, 2])
def test_matches_numpy(dilation) -> None:
    x, kernel = arrays(dilation)
    want = sum(x[:, j * dilation : j * dilation + TIME] * kernel[j] for j in range(TAPS))
    np.testing.assert_allclose(depthwise_conv(ops.convert_to_tensor(x), kernel, dilation), want, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients by tf.GradientTape")
@pytest.mark.parametrize("dilation", [1, 2])
def test_gradients_match_tensorflow(dilation) -> None:
    import tensorflow as tf

    def theirs(x, kernel, dilation):
        return ops.depthwise_conv(x, kernel[:, :, None], dilation_rate=dilation)

    def gradients(convolve, x, kernel):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            loss = tf.reduce_sum(tf.sin(convolve(x, kernel, dilation)))
        return tape.gradient(loss, (x, kernel))

    x, kernel = map(tf.constant, arrays(dilation))
    want = gradients(theirs, x, kernel)
    signature = [tf.TensorSpec((None, None, FEATURES)), tf.TensorSpec(kernel.shape)]
    for xla in (False, True):
        run = tf.function(lambda x, kernel: gradients(depthwise_conv, x, kernel), signature, jit_compile=xla)
        for got, wanted in zip(run(x, kernel), want, strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-4)
