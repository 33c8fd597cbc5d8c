"""Losses and functions of models."""
