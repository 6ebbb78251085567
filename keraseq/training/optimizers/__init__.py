"""Optimizers by name, and what is added to them: schedules, clipping, gradient norms, averaged weights."""

from keraseq.training.optimizers.build import clipped, optimizer
from keraseq.training.optimizers.watched import dense, watched

__all__ = ["clipped", "dense", "optimizer", "watched"]
