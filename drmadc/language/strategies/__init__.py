"""Reverse strategies: how the states of training are obtained on the way back; one a file, collected by registry.py."""
