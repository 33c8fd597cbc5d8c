"""A small Python syntax tree and its printer; knows nothing of the language."""
