"""Data sets: sources, splits, minibatches, statistics."""
