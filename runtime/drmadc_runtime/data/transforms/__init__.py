"""Transforms of features and augmentations."""
