"""A first spec for somebody's data."""
