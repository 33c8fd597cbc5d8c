"""Text in, Compilation out."""
