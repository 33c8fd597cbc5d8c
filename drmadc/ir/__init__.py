"""The typed functional intermediate representation."""
