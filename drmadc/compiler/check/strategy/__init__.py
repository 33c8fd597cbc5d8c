"""The reverse strategy: as written, and whether the program supports it."""
