"""Layers: functions with parameters of their own."""
