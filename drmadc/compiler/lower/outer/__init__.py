"""Lowering of the outer loop: hyperparameters, tuning, expectations."""
