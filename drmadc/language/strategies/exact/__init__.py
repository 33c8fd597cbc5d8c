"""Strategies whose gradient is that of the training run."""
