"""Functions and rules of the language against other libraries, and through training."""
