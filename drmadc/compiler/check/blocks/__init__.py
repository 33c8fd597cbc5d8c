"""One file for each block and declaration of a spec."""
