"""What commands do beyond compiling and running."""
