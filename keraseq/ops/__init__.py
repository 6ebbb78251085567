"""Numerics that layers share. Each module imports Keras; this package does not."""
