"""Loops over training steps."""
