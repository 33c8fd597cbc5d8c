"""IR to Python tree."""
