"""One file for each way back through training."""
