"""The mistakes that checking finds."""
