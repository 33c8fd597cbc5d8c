"""What every package of the compiler may import."""
