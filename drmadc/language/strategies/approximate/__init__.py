"""Strategies that approximate the path, cut it off, or solve another problem."""
