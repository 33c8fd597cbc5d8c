"""The `data` block: sources, splits, features."""
