"""The number of the interface between emitted modules and the runtime; raised when one no longer fits the other."""

API = 5
