"""Search algorithms: each makes an Optuna sampler from a seed. They are asked and told; they neither run nor store."""
