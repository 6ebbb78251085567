"""Attention against slow transcriptions of its papers, one query at a time in float64, and against Keras and torch."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.errors import UsageError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 9, 6)).astype("float32")
CONTEXT = RNG.normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1] * 9, [0, 0, 1, 1, 0, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0]], bool)
CONTEXT_MASK = np.array([[1] * 5, [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], bool)


def built(layer, *shapes, seed=1):
    """`layer` with random weights, biases included."""
    layer.build(*(shapes or (X.shape,)))
    random = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(random.normal(scale=0.6, size=weight.shape))
    return layer


def array(x):
    return ops.convert_to_numpy(x)


def double(layer):
    """Kernel and bias of a dense layer, float64."""
    kernel = array(layer.kernel).astype("float64")
    return kernel, array(layer.bias).astype("float64") if layer.use_bias else 0.0


def dense(layer, x):
    kernel, bias = double(layer)
    return x @ kernel + bias


def softmax(scores):
    likely = np.exp(np.array(scores) - max(scores))
    return likely / likely.sum()


def turned(x, position, base=10_000.0):
    """Rotary positions of one vector: each pair (i, i + half) is a complex number, turned."""
    half = len(x) // 2
    pairs = x[:half] + 1j * x[half:]
    pairs = pairs * np.array([np.exp(1j * position * base ** (-i / half)) for i in range(half)])
    return np.concatenate([pairs.real, pairs.imag])


def t5_bucket(relative, buckets, furthest, bidirectional):
    """`_relative_position_bucket` of T5, for one relative position, key minus query."""
    bucket, n = 0, -relative
    if bidirectional:
        buckets //= 2
        bucket = buckets if n < 0 else 0
        n = abs(n)
    else:
        n = max(n, 0)
    exact = buckets // 2
    if n < exact:
        return bucket + n
    larger = exact + int(math.log(n / exact) / math.log(furthest / exact) * (buckets - exact))
    return bucket + min(larger, buckets - 1)


def alibi_slopes(heads):
    """`get_slopes` of the paper's appendix."""
    if math.log2(heads).is_integer():
        start = 2 ** (-(2 ** -(math.log2(heads) - 3)))
        return [start * start**i for i in range(heads)]
    power = 2 ** math.floor(math.log2(heads))
    return alibi_slopes(power) + alibi_slopes(2 * power)[0::2][: heads - power]


def self_attention(layer, x, mask):
    """Vaswani et al. 2017 for each row, head and query by itself; NaN where there is nothing to read."""
    heads, groups, size = layer.heads, layer.key_value_heads or layer.heads, layer.size
    y = np.full(x.shape, np.nan)
    for row in range(len(x)):
        projected = dense(layer.project, x[row].astype("float64"))
        q = projected[:, : heads * size].reshape(-1, heads, size)
        k, v = projected[:, heads * size :].reshape(-1, 2, groups, size).transpose(1, 0, 2, 3)
        for i in range(x.shape[1]):
            keys = [j for j in range(x.shape[1]) if mask[row, j]]
            keys = [j for j in keys if not layer.causal or j <= i]
            keys = [j for j in keys if layer.window is None or abs(i - j) < layer.window]
            if not keys:
                continue
            read = []
            for head in range(heads):
                group = head // (heads // groups)
                scores = []
                for j in keys:
                    query, key = q[i, head], k[j, group]
                    if layer.positions == "rotary":
                        query, key = turned(query, i), turned(key, j)
                    score = query @ key / math.sqrt(size)
                    if layer.positions == "alibi":
                        score -= alibi_slopes(heads)[head] * abs(i - j)
                    if layer.positions == "relative_bias":
                        score += array(layer.relative.weight)[t5_bucket(j - i, 32, 128, not layer.causal), head]
                    scores.append(score)
                read.append(sum(w * v[j, group] for w, j in zip(softmax(scores), keys, strict=True)))
            y[row, i] = dense(layer.combine, np.concatenate(read))
    return y


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"heads": 2},
        {"heads": 4, "key_size": 2, "key_value_heads": 2},
        {"heads": 3, "key_value_heads": 1, "causal": True},
        {"heads": 2, "causal": True, "window": 1},
        {"heads": 2, "causal": True, "window": 4, "positions": "rotary"},
        {"heads": 2, "window": 3, "positions": "alibi"},
        {"heads": 3, "causal": True, "window": 20, "positions": "alibi"},
        {"heads": 2, "positions": "relative_bias"},
        {"heads": 2, "causal": True, "window": 3, "positions": "relative_bias"},
        {"heads": 2, "positions": "rotary"},
    ],
    ids=str,
)
def test_self_attention(settings, masked) -> None:
    layer = built(layers.MultiHeadAttention(**settings))
    mask = MASK if masked else np.ones_like(MASK)
    want = self_attention(layer, X, mask)
    got = array(layer(X, mask=mask) if masked else layer(X))
    assert np.isfinite(got).all()
    some = np.isfinite(want)
    assert some[mask].all()
    np.testing.assert_allclose(got[some], want[some], atol=2e-5)


def linear_attention(layer, x, mask):
    """Katharopoulos et al. 2020, equation 9 or 12, for each query by itself; RoFormer, equation 19."""
    heads, size = layer.heads, layer.size
    y = np.zeros(x.shape)
    for row in range(len(x)):
        projected = dense(layer.project, x[row].astype("float64"))
        q, k, v = projected.reshape(-1, 3, heads, size).transpose(1, 0, 2, 3)
        for i in range(x.shape[1]):
            read = []
            for head in range(heads):
                top, bottom = np.zeros(size), 0.0
                for j in range(i + 1 if layer.causal else x.shape[1]):
                    if not mask[row, j]:
                        continue
                    query, key = (np.where(u > 0, u + 1, np.exp(u)) for u in (q[i, head], k[j, head]))
                    bottom += query @ key
                    if layer.positions == "rotary":
                        query, key = turned(query, i), turned(key, j)
                    top += query @ key * v[j, head]
                read.append(top / bottom if bottom else top)
            y[row, i] = dense(layer.combine, np.concatenate(read))
    return y


@pytest.mark.parametrize("positions", [None, "rotary"])
@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention(causal, positions) -> None:
    layer = built(layers.LinearAttention(2, key_size=4, causal=causal, positions=positions))
    np.testing.assert_allclose(layer(X), linear_attention(layer, X, np.ones_like(MASK)), atol=2e-5)
    np.testing.assert_allclose(layer(X, mask=MASK), linear_attention(layer, X, MASK), atol=2e-5)


def test_linear_attention_over_several_blocks() -> None:
    x = RNG.normal(size=(1, 150, 6)).astype("float32")
    layer = built(layers.LinearAttention(2, causal=True), x.shape)
    np.testing.assert_allclose(layer(x), linear_attention(layer, x, np.ones((1, 150))), atol=5e-5)


def read_one_by_one(score, values):
    """Σ_j softmax_j(score(row, i, j)) values(row, j) for each row and step i."""
    return np.array(
        [
            [
                sum(
                    w * values[row, j]
                    for w, j in zip(
                        softmax([score(row, i, j) for j in np.flatnonzero(CONTEXT_MASK[row])]),
                        np.flatnonzero(CONTEXT_MASK[row]),
                        strict=True,
                    )
                )
                for i in range(X.shape[1])
            ]
            for row in range(len(X))
        ]
    )


def test_additive_attention() -> None:
    layer = built(layers.AdditiveAttention(5), X.shape, CONTEXT.shape)
    (W, b), (U, _), (v, _) = double(layer.query), double(layer.key), double(layer.score)
    want = read_one_by_one(lambda row, i, j: v[:, 0] @ np.tanh(X[row, i] @ W + CONTEXT[row, j] @ U + b), CONTEXT)
    np.testing.assert_allclose(layer(X, CONTEXT, context_mask=CONTEXT_MASK), want, atol=1e-5)


def test_multiplicative_attention() -> None:
    layer = built(layers.MultiplicativeAttention(), X.shape, CONTEXT.shape)
    W = double(layer.key)[0].T
    want = read_one_by_one(lambda row, i, j: X[row, i] @ W @ CONTEXT[row, j], CONTEXT)
    np.testing.assert_allclose(layer(X, CONTEXT, context_mask=CONTEXT_MASK), want, atol=1e-5)
    layer = layers.MultiplicativeAttention("dot")
    want = read_one_by_one(lambda row, i, j: X[row, i, :4] @ CONTEXT[row, j], CONTEXT)
    np.testing.assert_allclose(layer(X[..., :4], CONTEXT, context_mask=CONTEXT_MASK), want, atol=1e-5)
    with pytest.raises(UsageError, match="as many features in x as in the context; got 6 and 4"):
        layers.MultiplicativeAttention("dot")(X, CONTEXT)


def test_dot_product_attention() -> None:
    layer = built(layers.DotProductAttention(5), X.shape, CONTEXT.shape)
    Q, K, V = (double(part)[0] for part in (layer.query, layer.key, layer.value))
    want = read_one_by_one(lambda row, i, j: X[row, i] @ Q @ (CONTEXT[row, j] @ K) / math.sqrt(5), CONTEXT @ V)
    np.testing.assert_allclose(layer(X, CONTEXT, context_mask=CONTEXT_MASK), want, atol=1e-5)


@pytest.mark.parametrize(
    ("create", "nothing"),
    [
        (lambda: layers.AdditiveAttention(5), lambda layer: 0.0),
        (lambda: layers.MultiplicativeAttention(), lambda layer: 0.0),
        (lambda: layers.DotProductAttention(5), lambda layer: 0.0),
        (lambda: layers.CrossAttention(2), lambda layer: array(layer.combine.bias)),
    ],
)
def test_context_of_padding_alone_reads_as_zeros(create, nothing) -> None:
    layer = built(create(), X.shape, CONTEXT.shape)
    mask = CONTEXT_MASK & np.array([[1], [0], [1]], bool)
    y = array(layer(X, CONTEXT, context_mask=mask))
    np.testing.assert_allclose(y[1], np.broadcast_to(nothing(layer), y[1].shape), atol=1e-6)


# Peers, with the same weights


def copied(ours, theirs):
    """Weights of our self-attention in `keras.layers.GroupQueryAttention` or `MultiHeadAttention`."""
    heads, groups, size = ours.heads, ours.groups, ours.size
    kernel, bias = (array(part) for part in (ours.project.kernel, ours.project.bias))
    splits = [heads * size, (heads + groups) * size]
    weights = []
    for k, b, n in zip(np.split(kernel, splits, -1), np.split(bias, splits), (heads, groups, groups), strict=True):
        weights += [k.reshape(-1, n, size), b.reshape(n, size)]
    combine, offset = array(ours.combine.kernel), array(ours.combine.bias)
    theirs.set_weights([*weights, combine.reshape(heads, size, -1), offset])


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_matches_keras(causal) -> None:
    ours = built(layers.MultiHeadAttention(3, causal=causal))
    theirs = keras.layers.MultiHeadAttention(3, 2)
    theirs.build(X.shape, X.shape)
    copied(ours, theirs)
    want = array(theirs(X, X, use_causal_mask=causal, query_mask=MASK, value_mask=MASK))
    np.testing.assert_allclose(array(ours(X, mask=MASK))[MASK], want[MASK], atol=1e-5)


@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_queries_match_keras(groups) -> None:
    ours = built(layers.MultiHeadAttention(4, key_size=2, key_value_heads=groups, causal=True))
    theirs = keras.layers.GroupQueryAttention(2, 4, groups)
    theirs.build(X.shape, X.shape)
    copied(ours, theirs)
    np.testing.assert_allclose(ours(X), theirs(X, X, use_causal_mask=True), atol=1e-5)


def test_cross_attention_matches_keras() -> None:
    ours = built(layers.CrossAttention(3), X.shape, CONTEXT.shape)
    theirs = keras.layers.MultiHeadAttention(3, 2)
    theirs.build(X.shape, CONTEXT.shape)
    k, v = np.split(array(ours.key_value.kernel), 2, axis=-1)
    k_bias, v_bias = np.split(array(ours.key_value.bias), 2)
    query = [array(ours.query.kernel).reshape(6, 3, 2), array(ours.query.bias).reshape(3, 2)]
    key_value = [k.reshape(4, 3, 2), k_bias.reshape(3, 2), v.reshape(4, 3, 2), v_bias.reshape(3, 2)]
    combine = [array(ours.combine.kernel).reshape(3, 2, 6), array(ours.combine.bias)]
    theirs.set_weights([*query, *key_value, *combine])
    got = ours(X, CONTEXT, context_mask=CONTEXT_MASK)
    np.testing.assert_allclose(got, theirs(X, CONTEXT, value_mask=CONTEXT_MASK), atol=1e-5)


def test_additive_attention_matches_keras() -> None:
    ours = built(layers.AdditiveAttention(5), X.shape, CONTEXT.shape)
    theirs = keras.layers.AdditiveAttention()
    query, key = array(ours.query(X)), array(ours.key(CONTEXT))
    theirs.build([query.shape, CONTEXT.shape, key.shape])
    theirs.set_weights([array(ours.score.kernel)[:, 0]])
    want = theirs([query, CONTEXT, key], mask=[None, ops.convert_to_tensor(CONTEXT_MASK)])
    np.testing.assert_allclose(ours(X, CONTEXT, context_mask=CONTEXT_MASK), want, atol=1e-5)


def test_dot_score_matches_keras() -> None:
    theirs = keras.layers.Attention()
    want = theirs([X[..., :4], CONTEXT], mask=[None, ops.convert_to_tensor(CONTEXT_MASK)])
    got = layers.MultiplicativeAttention("dot")(X[..., :4], CONTEXT, context_mask=CONTEXT_MASK)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_multi_head_attention_matches_torch() -> None:
    torch = pytest.importorskip("torch")
    ours = built(layers.MultiHeadAttention(3, causal=True))
    theirs = torch.nn.MultiheadAttention(6, 3, batch_first=True)
    with torch.no_grad():
        for parameter, value in (
            (theirs.in_proj_weight, array(ours.project.kernel).T),
            (theirs.in_proj_bias, array(ours.project.bias)),
            (theirs.out_proj.weight, array(ours.combine.kernel).T),
            (theirs.out_proj.bias, array(ours.combine.bias)),
        ):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        x = torch.from_numpy(X)
        later = torch.triu(torch.ones(9, 9, dtype=torch.bool), 1)
        want = theirs(x, x, x, attn_mask=later, need_weights=False)[0].numpy()
    np.testing.assert_allclose(ours(X), want, atol=1e-5)


# Positions


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("buckets", "furthest"), [(32, 128), (8, 20), (4, 3)])
def test_buckets_of_t5(buckets, furthest, bidirectional) -> None:
    layer = layers.RelativeBias(1, buckets, furthest, bidirectional)
    for distance in range(-300, 300):
        if distance and math.log2(abs(distance)).is_integer():
            continue  # on a bucket's edge float64 decides
        assert layer.bucket(distance) == t5_bucket(-distance, buckets, furthest, bidirectional)


def test_relative_bias_reaches_beyond_its_furthest_distance() -> None:
    layer = built(layers.RelativeBias(2, 8, 10), (None, 2, None, None))
    bias = array(layer.bias(40, 40, 0))
    weight = array(layer.weight)
    for i, j in ((0, 0), (3, 1), (1, 3), (39, 0), (0, 39), (12, 2), (2, 12)):
        np.testing.assert_array_equal(bias[:, i, j], weight[t5_bucket(j - i, 8, 10, True)])


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8, 12])
def test_slopes_of_alibi(heads) -> None:
    assert layers.ALiBi(heads).slopes() == pytest.approx(alibi_slopes(heads))


def test_positions_are_added_to_scores() -> None:
    scores = np.zeros((2, 2, 3, 5), "float32")
    y = array(layers.ALiBi(2)(scores))
    want = -np.abs(np.arange(3)[:, None] - np.arange(5))
    np.testing.assert_allclose(y[0], np.stack([want / 16, want / 256]))
    with pytest.raises(UsageError, match="with 3 heads, or"):
        layers.ALiBi(3)(scores)


def test_sinusoidal_positions() -> None:
    y = array(layers.SinusoidalPositions()(np.zeros((1, 7, 6), "float32")))[0]
    for t in range(7):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            np.testing.assert_allclose(y[t, [i, 3 + i]], [math.sin(angle), math.cos(angle)], atol=1e-6)


# Blocks


def layer_norm(layer, x):
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / scale * array(layer.gamma) + array(layer.beta)


def feed_forward(layer, x):
    def swish(u):
        return u / (1 + np.exp(-u))

    def gelu(u):
        return np.vectorize(lambda value: 0.5 * value * (1 + math.erf(value / math.sqrt(2))))(u)

    inner = dense(layer.widen, x)
    if layer.activation == "swiglu":
        gate, value = np.split(inner, 2, -1)
        return dense(layer.narrow, swish(gate) * value)
    function = {"relu": lambda u: np.maximum(u, 0), "gelu": gelu, "swish": swish}[layer.activation]
    return dense(layer.narrow, function(inner))


@pytest.mark.parametrize("activation", ["relu", "gelu", "swish", "swiglu"])
def test_feed_forward(activation) -> None:
    layer = built(layers.FeedForward(1.5, activation))
    assert layer.narrow.kernel.shape == (9, 6)
    np.testing.assert_allclose(
        layer(X), feed_forward(layer, X.astype("float64")), atol=3e-3 if activation == "gelu" else 1e-5
    )


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_transformer_blocks(norm) -> None:
    attention = layers.MultiHeadAttention(2, causal=True)
    layer = built(layers.TransformerBlock(attention, 2.0, "swiglu", norm))
    x = X.astype("float64")

    def around(x, normalise, part):
        return x + part(layer_norm(normalise, x)) if norm == "pre" else layer_norm(normalise, x + part(x))

    def attend(part):
        return lambda x: self_attention(part, x, np.ones_like(MASK))

    u = around(x, layer.attention_norm, attend(attention))
    np.testing.assert_allclose(layer(X), around(u, layer.feed_norm, lambda u: feed_forward(layer.feed, u)), atol=1e-4)
    layer = built(layers.TransformerDecoderBlock(2, norm=norm, activation="relu"), X.shape, CONTEXT.shape)
    reader = layer.cross.reader
    u = around(x, layer.attention_norm, attend(layer.self_attention))
    v = around(u, layer.cross.normalise, lambda u: array(reader(u.astype("float32"), CONTEXT)))
    want = around(v, layer.feed_norm, lambda v: feed_forward(layer.feed, v))
    np.testing.assert_allclose(layer(X, CONTEXT), want, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_conformer_block(causal) -> None:
    layer = built(layers.ConformerBlock(layers.MultiHeadAttention(2, causal=causal), kernel_size=4))
    norms, convolution = layer.norms, layer.convolution

    def sigmoid(u):
        return 1 / (1 + np.exp(-u))

    def convolve(x):
        a, b = np.split(dense(convolution.enter, x), 2, -1)
        u, y = a * sigmoid(b), np.zeros_like(x)
        taps, first = array(convolution.depthwise.kernel), -3 if causal else -1
        for t in range(x.shape[1]):
            for j in range(4):
                if 0 <= t + first + j < x.shape[1]:
                    y[:, t] += taps[j] * u[:, t + first + j]
        y = layer_norm(convolution.norm, y + array(convolution.depthwise.offset))
        return dense(convolution.leave, y * sigmoid(y))

    x = X.astype("float64")
    x = x + feed_forward(layer.first_feed, layer_norm(norms["first_feed"], x)) / 2
    x = x + self_attention(layer.attention, layer_norm(norms["attention"], x), np.ones_like(MASK))
    x = x + convolve(layer_norm(norms["convolution"], x))
    x = x + feed_forward(layer.second_feed, layer_norm(norms["second_feed"], x)) / 2
    np.testing.assert_allclose(layer(X), layer_norm(norms["last"], x), atol=1e-4)


def test_attention_pooling() -> None:
    layer = built(layers.AttentionPooling(5))
    y = array(layer(X, mask=MASK))
    for row in range(len(X)):
        steps = X[row, MASK[row]]
        weights = softmax(dense(layer.query, np.tanh(dense(layer.inner, steps)))[:, 0])
        np.testing.assert_allclose(y[row], weights @ steps, atol=1e-5)
    assert not array(layer(X, mask=np.zeros_like(MASK))).any()


# What holds whatever the numbers are


def test_as_many_key_heads_as_heads_is_plain_attention() -> None:
    plain = built(layers.MultiHeadAttention(3))
    grouped = built(layers.MultiHeadAttention(3, key_value_heads=3))
    grouped.set_weights(plain.get_weights())
    np.testing.assert_allclose(plain(X), grouped(X), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [9, 40])
def test_windows_are_local(causal, length) -> None:
    layer = built(layers.MultiHeadAttention(2, causal=causal, window=3))
    x = RNG.normal(size=(1, length, 6)).astype("float32")
    before = array(layer(x))
    for t in (0, 4, length - 1):
        changed = x.copy()
        changed[:, t] += 1
        moved = np.flatnonzero(np.abs(array(layer(changed)) - before).max((0, 2)) > 1e-6)
        first = t if causal else max(t - 2, 0)
        np.testing.assert_array_equal(moved, np.arange(first, min(t + 3, length)))


def test_long_windowed_attention_never_compares_all_steps() -> None:
    layer = built(layers.MultiHeadAttention(1, key_size=2, causal=True, window=8), (1, None, 6))
    x = RNG.normal(size=(1, 60_000, 6)).astype("float32")  # all scores would take 14 GB
    y = array(layer(x))
    np.testing.assert_allclose(y[:, -50:], array(layer(x[:, -57:]))[:, 7:], atol=1e-5)


STREAMED = {
    "full": {"heads": 2, "causal": True, "positions": "rotary"},
    "windowed": {"heads": 2, "causal": True, "window": 4, "positions": "alibi"},
    "one step": {"heads": 2, "causal": True, "window": 1},
    "grouped": {"heads": 4, "key_value_heads": 2, "causal": True, "positions": "relative_bias"},
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("max_length", [None, 9, 12])
@pytest.mark.parametrize("pieces", [(1,) * 9, (4, 5), (9,), (2, 6, 1)])
@pytest.mark.parametrize("settings", STREAMED.values(), ids=STREAMED)
def test_cached_keys_and_values_give_what_one_pass_gives(settings, pieces, max_length, masked) -> None:
    layer = built(layers.MultiHeadAttention(**settings))
    mask = MASK if masked else np.ones_like(MASK)
    want = array(layer(X, mask=mask))
    state = layer.initial_state(len(X), max_length)
    parts, start = [], 0
    for size in pieces:
        steps = slice(start, start + size)
        y, state = layer.stream(X[:, steps], state, ops.convert_to_tensor(mask[:, steps]) if masked else None)
        parts.append(array(y))
        start += size
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[mask], want[mask], atol=1e-5)
    kept = layer.window - 1 if layer.window else max_length or 9
    assert tuple(state[0].shape) == (3, kept, layer.groups, layer.size)
    assert int(state[3]) == 9


def test_a_cache_of_fixed_size_forgets_the_oldest() -> None:
    layer = built(layers.MultiHeadAttention(2, causal=True))
    state = layer.initial_state(3, max_length=5)
    for t in range(9):
        y, state = layer.step(X[:, t], state)
    assert tuple(state[0].shape[:2]) == (3, 5)
    np.testing.assert_allclose(y, array(layer(X[:, 3:]))[:, -1], atol=1e-5)


def test_the_context_is_projected_once() -> None:
    layer = built(layers.TransformerDecoderBlock(2, heads=2), X.shape, CONTEXT.shape)
    memory, _ = state = layer.initial_state(3, context=CONTEXT, context_mask=CONTEXT_MASK)
    y, (after, _) = layer.stream(X, state)
    np.testing.assert_allclose(y, layer(X, CONTEXT, context_mask=CONTEXT_MASK), atol=1e-5)
    for before, now in zip(memory, after, strict=True):
        np.testing.assert_array_equal(before, now)
    with pytest.raises(UsageError, match="needs the context"):
        layer.initial_state(3)


def test_what_looks_ahead_does_not_step() -> None:
    for layer in (layers.MultiHeadAttention(2), layers.LinearAttention(2), layers.ConformerBlock(2)):
        with pytest.raises(UsageError, match="cannot run step by step"):
            built(layer).initial_state(1)


@pytest.mark.parametrize(
    "settings",
    [
        {"heads": 2, "causal": True, "positions": "rotary"},
        {"heads": 4, "key_value_heads": 2, "window": 3, "positions": "alibi"},
    ],
)
def test_attention_weights_are_those_of_the_output(settings) -> None:
    layer = built(layers.MultiHeadAttention(**settings))
    weights = array(layer.attention_weights(X, MASK))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    v = array(layer.split(X)[2]).repeat(layer.heads // layer.groups, axis=2)
    heads = np.einsum("bhij,bjhs->bihs", weights, v).reshape(3, 9, -1)
    np.testing.assert_allclose(array(layer.combine(heads))[MASK], array(layer(X, mask=MASK))[MASK], atol=1e-5)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: layers.MultiHeadAttention(4, key_value_heads=3), "key_value_heads must divide heads"),
        (lambda: layers.MultiHeadAttention(2, window=0), "window must be a whole number of at least 1, or None; got 0"),
        (
            lambda: layers.MultiHeadAttention(2, positions=layers.ALiBi(3)),
            "as many heads as the attention; got 3 and 2",
        ),
        (lambda: layers.MultiHeadAttention(2, positions=layers.GRU(2)), "positions must be one of"),
        (lambda: layers.LinearAttention(2, positions="alibi"), "no scores to add to; got 'alibi'"),
        (lambda: layers.AdditiveAttention(0), "units must be a whole number of at least 1; got 0"),
        (lambda: layers.MultiplicativeAttention("cosine"), "score must be 'general' or 'dot'; got 'cosine'"),
        (lambda: layers.CrossAttentionBlock("dot"), "attention must be one of multi_head, multiplicative, additive"),
        (lambda: layers.TransformerBlock(2, norm="sandwich"), "norm must be 'pre' or 'post'; got 'sandwich'"),
        (lambda: layers.TransformerBlock(layers.CrossAttention(2)), "a number of heads or a layer"),
        (lambda: layers.FeedForward(activation="tanh"), "activation must be one of relu, gelu, swish, swiglu"),
        (lambda: layers.RelativeBias(2, buckets=5), "buckets must be an even number of at least 4; got 5"),
        (lambda: layers.RelativeBias(2, max_distance=8), "max_distance must be a whole number above 8"),
        (lambda: built(layers.Rotary(), (2, 3, 5)), "features must be even to be turned; got 5"),
        (lambda: layers.AttentionPooling(0), "units must be a whole number of at least 1, or None; got 0"),
        (lambda: layers.ConformerBlock(2, kernel_size=0), "kernel_size must be a whole number of at least 1; got 0"),
    ],
)
def test_wrong_arguments_are_refused(create, message) -> None:
    with pytest.raises(UsageError, match=message):
        create()
