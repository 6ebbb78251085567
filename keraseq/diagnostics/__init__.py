"""Seeing inside a model: how gradients flow through time, how far it sees, what it attends to, what its gates do."""

from keraseq.diagnostics.gradients import GradientNorms, gradient_norms
from keraseq.diagnostics.observe import attention_maps, gate_activations
from keraseq.diagnostics.receptive_field import ReceptiveField, effective_receptive_field

__all__ = [
    "GradientNorms",
    "ReceptiveField",
    "attention_maps",
    "effective_receptive_field",
    "gate_activations",
    "gradient_norms",
]
