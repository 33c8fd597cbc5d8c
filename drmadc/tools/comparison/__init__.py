"""Groups of runs, what differs between runs, and what can be said of the difference."""
