"""Log-mel frames against a slow transcription of their equation: float64, one frame and one frequency at a time."""

import cmath
import math

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.errors import UsageError
from keraseq.testing.gradients import compiled, outputs_and_gradients

RATE = 2000
SETTINGS = {"sampling_rate": RATE, "mels": 6, "frame_length": 0.02, "hop": 0.008, "epsilon": 1e-4}
FRAME, HOP, FFT = 40, 16, 64
TIME = 150
CASES = [
    {},
    {"low": 100.0, "high": 900.0, "mels": 3},
    {"hop": 0.02},
    {"frame_length": 0.0165, "hop": 0.0165, "mels": 4},
]


def sound(batch=3, time=TIME, seed=0):
    """Noise and a tone."""
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (batch, time))
    return (noise + 0.4 * np.sin(2 * np.pi * 0.11 * np.arange(time))).astype("float32")


def masks():
    """Left, inner and right padding, and none."""
    mask = np.ones((4, TIME), bool)
    mask[0, :37] = False
    mask[1, 50:99] = False
    mask[2, 41:] = False
    return mask


def reference(x, sampling_rate, mels, frame_length, hop, epsilon, low=20.0, high=None):
    frame, hop = round(frame_length * sampling_rate), round(hop * sampling_rate)
    fft = 2 ** math.ceil(math.log2(frame))
    x = list(map(float, x))
    scale = [2595 * math.log10(1 + f / 700) for f in (low, high or sampling_rate / 2)]
    width = (scale[1] - scale[0]) / (mels + 1)
    frames = []
    for start in range(0, len(x), hop):
        energies = [0.0] * mels
        piece = (x[start : start + frame] + [0.0] * frame)[:frame]
        windowed = [v * math.sin(math.pi * i / frame) ** 2 for i, v in enumerate(piece)]
        for k in range(fft // 2 + 1):
            power = abs(sum(v * cmath.exp(-2j * math.pi * k * i / fft) for i, v in enumerate(windowed))) ** 2
            place = (2595 * math.log10(1 + k * sampling_rate / fft / 700) - scale[0]) / width
            for m in range(mels):
                energies[m] += max(0.0, 1 - abs(place - (m + 1))) * power
        frames.append([math.log(epsilon + energy) for energy in energies])
    return np.array(frames)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("time", [1, HOP, HOP + 1, FRAME, TIME])
def test_frames_are_those_of_the_equation(case, time) -> None:
    settings, x = SETTINGS | case, sound(2, time)
    layer = layers.LogMel(**settings)
    y = ops.convert_to_numpy(layer(x))
    want = np.stack([reference(row, **settings) for row in x])
    assert y.shape == want.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(y, want, atol=2e-4)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x[..., None])), y)


def test_it_gives_what_keras_gives_where_both_compute_the_same() -> None:
    """`keras.layers.MelSpectrogram` centres and reflects: its inner frames are ours, half a frame later."""
    theirs = keras.layers.MelSpectrogram(FFT, HOP, FFT, "hann", RATE, 6, 20.0, power_to_db=False)
    ours = layers.LogMel(**SETTINGS | {"frame_length": FFT / RATE})
    x = sound()
    mel = np.swapaxes(ops.convert_to_numpy(theirs(x)), 1, 2)
    whole, later = (TIME - FFT) // HOP + 1, FFT // HOP // 2
    y = ops.convert_to_numpy(ours(x))[:, :whole]
    np.testing.assert_allclose(y, np.log(1e-4 + mel[:, later : later + whole]), atol=1e-4)


def test_a_frame_is_valid_where_its_first_sample_is() -> None:
    layer, mask, x = layers.LogMel(**SETTINGS), masks(), sound(4)
    y = layer(x, mask=mask)
    np.testing.assert_array_equal(ops.convert_to_numpy(y._keras_mask), mask[:, ::HOP])
    y = ops.convert_to_numpy(y)
    assert not y[~mask[:, ::HOP]].any()
    want = np.stack([reference(row, **SETTINGS) for row in np.where(mask, x, 0)])
    np.testing.assert_allclose(y[mask[:, ::HOP]], want[mask[:, ::HOP]], atol=2e-4)


@pytest.mark.parametrize("junk", [1.0, -1e3, np.nan, np.inf])
def test_what_stands_in_padding_changes_nothing(junk) -> None:
    layer, mask, x = layers.LogMel(**SETTINGS), masks(), sound(4)
    reference = ops.convert_to_numpy(layer(x, mask=mask))
    changed = ops.convert_to_numpy(layer(np.where(mask, x, np.float32(junk)), mask=mask))
    np.testing.assert_array_equal(changed, reference)


@pytest.mark.parametrize("time", [1, HOP - 1, HOP, HOP + 1, FRAME, FRAME + 1, TIME])
def test_a_recording_has_the_same_frames_alone_and_padded(time) -> None:
    layer, x = layers.LogMel(**SETTINGS), sound(1, time)
    alone = ops.convert_to_numpy(layer(x))
    padded = np.pad(x, ((0, 0), (0, TIME)), constant_values=7)
    y = layer(padded, mask=np.arange(time + TIME)[None] < time)
    valid = ops.convert_to_numpy(y._keras_mask)
    np.testing.assert_allclose(ops.convert_to_numpy(y)[valid], alone[0], atol=1e-5)


def test_a_row_that_is_all_padding_and_silence_are_finite() -> None:
    layer, x = layers.LogMel(**SETTINGS), np.zeros((2, TIME), "float32")
    mask = np.array([[False], [True]]) & np.ones((2, TIME), bool)
    y, gradients = outputs_and_gradients(layer, {"x": x})
    np.testing.assert_allclose(ops.convert_to_numpy(y), np.log(1e-4), rtol=1e-5)
    assert np.isfinite(ops.convert_to_numpy(gradients["x"])).all()
    y = layer(x, mask=mask)
    assert not ops.convert_to_numpy(y)[0].any()
    assert not ops.convert_to_numpy(y._keras_mask)[0].any()


def test_gradients_are_those_of_differences() -> None:
    layer, x = layers.LogMel(**SETTINGS), sound(1, 50)
    _, gradients = outputs_and_gradients(layer, {"x": x})
    at = [0, 17, 31, 49]
    moved = np.repeat(x, 2 * len(at), axis=0).astype("float64")
    for row, place in enumerate(at):
        moved[row, place] += 1e-4
        moved[row + len(at), place] -= 1e-4
    sums = np.array([np.sin(reference(row, **SETTINGS)).sum() for row in moved])
    slopes = (sums[: len(at)] - sums[len(at) :]) / 2e-4
    np.testing.assert_allclose(ops.convert_to_numpy(gradients["x"])[0, at], slopes, rtol=0.01, atol=0.01)


def model_with_mask(**kwargs):
    values, mask = keras.Input((None,), name="values"), keras.Input((None,), dtype="bool", name="mask")
    x = layers.LogMel(**SETTINGS, **kwargs)(values, mask=mask)
    return keras.Model([values, mask], layers.Pooling("last")(keras.layers.Normalization(mean=1.0, variance=4.0)(x)))


def test_a_model_with_it_is_saved_with_its_mask(tmp_path) -> None:
    model, given = model_with_mask(high=800.0), [sound(4), masks()]
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    y = ops.convert_to_numpy(model(given))
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(given)), y)
    want = reference(sound(4)[2][:41], **SETTINGS, high=800.0)[-1]
    np.testing.assert_allclose(y[2], (want - 1) / 2, atol=1e-4)


def test_its_configuration_makes_it_again() -> None:
    settings = {**SETTINGS, "low": 30.0, "high": 700.0}
    config = layers.LogMel(**settings).get_config()
    assert settings.items() <= config.items()
    assert layers.LogMel.from_config(config).get_config() == config


@pytest.mark.parametrize(("policy", "step"), [("mixed_float16", 2**-7), ("mixed_bfloat16", 2**-4)])
def test_half_precision_rounds_the_frames_and_not_the_samples(policy, step) -> None:
    """Samples far below the steps of half precision around a constant would be lost by a cast."""
    x = np.float32(0.5) + 1e-4 * sound()
    full = ops.convert_to_numpy(layers.LogMel(**SETTINGS | {"epsilon": 1e-9})(x))
    half = layers.LogMel(**SETTINGS | {"epsilon": 1e-9}, dtype=policy)(x)
    assert keras.backend.standardize_dtype(half.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(half, "float32")), full, atol=step)


def test_it_compiles_with_masks_and_unknown_lengths() -> None:
    layer = layers.LogMel(**SETTINGS)
    run = compiled(lambda x, mask: layer(x, mask=mask))
    x, mask = sound(4), masks()
    for time in (TIME, 33, 1):
        given = ops.convert_to_tensor(x[:, :time]), ops.convert_to_tensor(mask[:, :time])
        want = ops.convert_to_numpy(layer(given[0], mask=given[1]))
        np.testing.assert_allclose(ops.convert_to_numpy(run(*given)), want, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs of unknown lengths are TensorFlow's")
def test_a_graph_takes_any_length() -> None:
    import tensorflow as tf

    layer = layers.LogMel(**SETTINGS)
    run = tf.function(lambda x: layer(x), [tf.TensorSpec((None, None))])
    for time in (TIME, FRAME, 1):
        np.testing.assert_allclose(run(sound(2, time)), layer(sound(2, time)), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate must be a whole number of at least 1, in Hz; got 0"),
        ({"mels": 0}, "mels must be a whole number of at least 1; got 0"),
        ({"hop": 0.0001}, "hop must be at least one sample, 1 / 2000 s, and at most frame_length; got 0.0001 and 0.02"),
        ({"hop": 0.03}, "at most frame_length; got 0.03 and 0.02 s"),
        ({"high": 1200.0}, "0 <= low < high <= 1000, half the sampling rate; got 20.0 and 1200.0"),
        ({"low": 1000.0}, "0 <= low < high <= 1000"),
        ({"epsilon": 0}, "epsilon must be above 0; got 0"),
        ({"mels": 60}, r"mels = 60 leaves band 2 without a frequency.*31.25 Hz apart. Remedy: fewer mels"),
    ],
)
def test_wrong_arguments_are_refused(settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        layers.LogMel(**SETTINGS | settings)


def test_stereo_is_refused() -> None:
    with pytest.raises(UsageError, match=r"got \(2, 50, 2\). Remedy: the mean over channels"):
        layers.LogMel(**SETTINGS)(np.zeros((2, 50, 2), "float32"))
