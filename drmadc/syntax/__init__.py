"""Text to untyped tree and back."""
