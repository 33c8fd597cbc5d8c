"""Lowering of what a trained model is asked for: predictions and metrics."""
