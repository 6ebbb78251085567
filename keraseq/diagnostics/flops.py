"""Floating-point operations of a model, counted while it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keraseq.config import check
from keraseq.errors import KeraseqError
from keraseq.models.create import Asks
from keraseq.models.inputs import Features, Inputs, Tokens, Waveform
from keraseq.models.outputs import Translation


def count_flops(model: keras.Model, inputs: Any) -> int:
    """Floating-point operations of one prediction of one sequence.

    What is counted of each operation that TensorFlow runs, loops over time turn by turn:

    - matrix product, convolution, einsum: 2 for every multiply-add, m · k · n of them for (m, k) by (k, n). Taps of a
      convolution that lie in its padding count as all others do; those that a dilation skips do not;
    - element-wise arithmetic, activations: 1 an element; a squared difference 2, softmax 5;
    - sums, means, maxima, cumulative sums: 1 an element that goes in;
    - Fourier transform of n numbers: 5 n log2 n, half of that where they are real;
    - complex numbers: 2 where it says 1 and 8 where it says 2, and 6 for an element-wise product;
    - look-ups, moves, casts, comparisons and whole numbers: 0.

    What is computed of weights alone, such as normalised kernels, counts too. Padding is computed, and counted, as what
    it stands for.

    Args:
        model: built on TensorFlow, in float32 or mixed precision.
        inputs: what it takes, of one row.

    Raises:
        UsageError: more rows than one, or another backend than TensorFlow.
        KeraseqError: an operation for which there is no convention.

    Example:
        >>> model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(5)])
        >>> count_flops(model, np.zeros((1, 7), "float32"))  # 2 · 7 · 5 products and sums, 5 biases
        75
    """
    backend = keras.backend.backend()
    check(backend == "tensorflow", f"operations are counted on TensorFlow alone; got Keras on {backend}")
    rows = {len(part) for part in keras.tree.flatten(inputs)}
    check(rows == {1}, f"inputs must have one row, of which operations are counted; got {sorted(rows)}")
    import tensorflow as tf
    from tensorflow.python.framework import op_callbacks

    count = _Count()
    eagerly = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)  # or a loop would be seen once, not turn by turn
    op_callbacks.add_op_callback(count)
    try:
        model(inputs, training=False)
    finally:
        op_callbacks.remove_op_callback(count)
        tf.config.run_functions_eagerly(eagerly)
    return count.total


def blank(task: Asks, length: int, target_length: int = 1) -> Any:
    """Inputs of a model for `task`, of one row, with nothing in it and no padding.

    Args:
        task: anything with `inputs` and `output`.
        length: steps of the sequence, or samples.
        target_length: steps of its translation.
    """
    given = _blank(task.inputs, length)
    if isinstance(task.output, Translation):
        return {"source": given, "previous": np.ones((1, target_length), "int32")}
    return given


def _blank(inputs: Inputs, length: int) -> Any:
    match inputs:
        case Tokens():
            return np.ones((1, length), "int32")
        case Features(size=size):
            values = np.zeros((1, length, size), "float32")
        case Waveform():
            values = np.zeros((1, length), "float32")
    return values if inputs.length is not None else {"values": values, "mask": np.ones((1, length), bool)}


class _Count:
    """Called by TensorFlow after each operation, with its tensors.

    Attributes:
        total: floating-point operations so far.
    """

    def __init__(self) -> None:
        self.total = 0
        self._convolution = 0  # operations of the last one

    def __call__(
        self,
        kind: str | bytes,
        inputs: Sequence[Any],
        attributes: Sequence[Any],
        outputs: Sequence[Any],
        op_name: Any = None,
        graph: Any = None,
    ) -> None:
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind == "BatchToSpaceND" and self._convolution:
            # Steps between those of a dilated convolution lay in rows of their own, filled up to one length.
            kept = _size(outputs[0]) * self._convolution // _size(inputs[0])
            self.total, self._convolution = self.total + kept - self._convolution, 0
            return
        if not outputs or kind in _FREE or not (outputs[0].dtype.is_floating or outputs[0].dtype.is_complex):
            return
        named = dict(zip(attributes[::2], attributes[1::2], strict=True))
        found = _count(kind, inputs, {_text(name): value for name, value in named.items()}, outputs)
        self._convolution = found if kind in _CONVOLUTIONS else self._convolution
        self.total += found


def _count(kind: str, inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Sequence[Any]) -> int:
    """Operations of one TensorFlow operation that gives numbers with a point."""
    complex_ = outputs[0].dtype.is_complex
    if kind in _PRODUCTS:
        return _PRODUCTS[kind](inputs, attributes, outputs) * (4 if complex_ else 1)
    if kind in _FOURIER:
        values = inputs[0] if kind in ("RFFT", "FFT") else outputs[0]
        return round(_FOURIER[kind] * _size(values) * math.log2(max(2, int(values.shape[-1]))))
    if kind in _REDUCING:
        return _size(inputs[0]) * (2 if complex_ else 1)
    if kind not in _ELEMENTWISE:
        raise KeraseqError(f"no count for TensorFlow's operation {kind}. Remedy: match parameters or step-time instead")
    each = 6 if complex_ and kind == "Mul" else _ELEMENTWISE[kind] * (2 if complex_ else 1)
    return each * _size(outputs[0])


def _matrices(inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Sequence[Any]) -> int:
    flipped = attributes.get("transpose_a") or attributes.get("adj_x")
    return 2 * _size(outputs[0]) * int(inputs[0].shape[-2 if flipped else -1])


def _convolution(inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Sequence[Any]) -> int:
    return 2 * _size(outputs[0]) * math.prod(inputs[1].shape[:-1])  # (taps…, features of a group, filters)


def _depthwise(inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Sequence[Any]) -> int:
    return 2 * _size(outputs[0]) * math.prod(inputs[1].shape[:-2])  # (taps…, features, filters of each)


def _einsum(inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: Sequence[Any]) -> int:
    """2 for each of all combinations of indices where some are summed over, else 1; one operand is summed or moved."""
    terms, _, result = _text(attributes["equation"]).partition("->")
    sizes: dict[str, int] = {}
    for term, given in zip(terms.split(","), inputs, strict=True):
        letters = re.sub(r"\.\.\.", "", term)
        inner = len(given.shape) - len(letters)
        before = term.index("...") if "..." in term else 0
        named = [*letters[:before], *(f"...{k - inner}" for k in range(inner)), *letters[before:]]
        for index, size in zip(named, given.shape, strict=True):
            sizes[index] = max(sizes.get(index, 1), int(size))
    summed = any(not index.startswith("...") and index not in result for index in sizes)
    return math.prod(sizes.values()) * ((2 if summed else 1) if len(inputs) > 1 else int(summed))


def _size(tensor: Any) -> int:
    return math.prod(int(size) for size in tensor.shape)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


_CONVOLUTIONS = frozenset({"Conv2D", "Conv3D", "DepthwiseConv2dNative"})
_PRODUCTS: Mapping[str, Callable[[Sequence[Any], Mapping[str, Any], Sequence[Any]], int]] = {
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matrices),
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution),
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
}
_FOURIER = {"FFT": 5.0, "IFFT": 5.0, "RFFT": 2.5, "IRFFT": 2.5}
_SUMS = "Sum Mean Max Min Prod EuclideanNorm Cumsum Cumprod CumulativeLogsumexp MaxPool AvgPool SegmentSum"
_SINGLE = """
    Add AddV2 Sub Mul MulNoNan Div DivNoNan RealDiv FloorDiv FloorMod Xdivy Xlogy Neg Abs ComplexAbs Sign Square Sqrt
    Rsqrt Reciprocal Inv Pow Exp Expm1 Log Log1p Maximum Minimum Floor Ceil Round Rint Sin Cos Tan Asin Acos Atan Atan2
    Sinh Cosh Tanh Asinh Acosh Atanh Sigmoid Erf Erfc Erfinv Lgamma Digamma Relu Relu6 LeakyRelu Elu Selu Softplus
    Softsign BiasAdd ClipByValue Angle
"""
_MOVES = """
    Bitcast BatchToSpaceND BroadcastTo Cast CheckNumerics Complex ConcatV2 Conj Const DiagPart EnsureShape ExpandDims
    Fill Gather GatherNd GatherV2 Identity IdentityN Imag LinSpace MatrixBandPart MatrixDiagV3 MirrorPad OneHot OnesLike
    Pack Pad PadV2 ParallelConcat PreventGradient RandomStandardNormal RandomUniform Range ReadVariableOp Real Reshape
    ResourceGather ResourceGatherNd ReverseSequence ReverseV2 Roll ScatterNd Select SelectV2 Slice SpaceToBatchND Split
    SplitV Squeeze Stack StatelessRandomNormalV2 StatelessRandomUniformV2 StopGradient StridedSlice TensorListFromTensor
    TensorListGetItem TensorListReserve TensorListSetItem TensorListStack TensorScatterUpdate Tile TopKV2 Transpose
    Unpack VarHandleOp Where ZerosLike
"""
_REDUCING = frozenset(_SUMS.split())
_ELEMENTWISE: Mapping[str, int] = {
    **dict.fromkeys(_SINGLE.split(), 1),
    "SquaredDifference": 2,
    "FusedBatchNormV3": 2,
    "Softmax": 5,  # maximum, difference, exponential, sum, quotient
    "LogSoftmax": 5,
}
_FREE = frozenset(_MOVES.split())
