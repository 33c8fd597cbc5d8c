"""Reverse strategies: cost, choice, support, plan."""
