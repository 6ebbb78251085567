"""Seeing inside a model: how gradients flow through time, how far it sees, what it attends to, what its gates do;
what it costs; and whether its task feeds it fast enough.
"""

from keraseq.diagnostics.feeding import Fed, feed, feeding
from keraseq.diagnostics.flops import count_flops
from keraseq.diagnostics.gradients import GradientNorms, gradient_norms
from keraseq.diagnostics.observe import attention_maps, gate_activations
from keraseq.diagnostics.receptive_field import ReceptiveField, effective_receptive_field
from keraseq.diagnostics.steps import step_time

__all__ = [
    "Fed",
    "GradientNorms",
    "ReceptiveField",
    "attention_maps",
    "count_flops",
    "effective_receptive_field",
    "feed",
    "feeding",
    "gate_activations",
    "gradient_norms",
    "step_time",
]
