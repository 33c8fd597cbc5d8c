"""Functions of the language, by family."""
