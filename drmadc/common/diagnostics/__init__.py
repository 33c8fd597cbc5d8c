"""What is said about a spec: diagnostics as data, and the one place that draws them."""
