"""What data files hold, by their headers: without reading the arrays, and without NumPy."""
