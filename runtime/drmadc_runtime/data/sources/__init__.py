"""Where arrays come from."""
