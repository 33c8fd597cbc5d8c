"""Whether a gradient says what the spec means by it."""
