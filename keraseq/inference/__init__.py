"""Saved models: a `.keras` file and a card that says what it is, reloaded to predict on raw inputs."""
