"""Optimizers by name, and what is added to them: schedules, clipping, gradient norms, averaged weights."""

from keraseq.training.optimizers.build import optimizer
from keraseq.training.optimizers.watched import watched

__all__ = ["optimizer", "watched"]
