"""One model over all devices of one process, on JAX."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keraseq.registry import strategies
from keraseq.training.strategies.backend import devices


@strategies.register("model-parallel", tags={"distributed"})
def model_parallel() -> AbstractContextManager[Any]:
    """Every device that JAX sees; each holds a part of every matrix and of its optimizer's state, and sees all rows.

    A matrix is parted by its last axis, where the devices divide that, and else held whole by all. For models that one
    device has no room for: more is communicated than with `data-parallel`.

    Raises:
        UsageError: there is one device alone, or Keras does not run on JAX.

    Reference: Shoeybi et al. 2019, arXiv:1909.08053, section 3; here XLA places the sums.
    """
    names = devices("model-parallel")
    import keras

    class ByLastAxis(keras.distribution.ModelParallel):
        """Decides by the shape of a variable, since names of variables differ from family to family."""

        def get_variable_layout(self, variable: keras.Variable) -> keras.distribution.TensorLayout:
            *others, last = variable.shape or (1,)
            axes = [None] * len(others) + ["model" if others and last % len(names) == 0 else None]
            return keras.distribution.TensorLayout(axes[: len(variable.shape)], self.device_mesh)

    mesh = keras.distribution.DeviceMesh((1, len(names)), ["batch", "model"], names)
    layout = keras.distribution.LayoutMap(mesh)
    return ByLastAxis(layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False).scope()
