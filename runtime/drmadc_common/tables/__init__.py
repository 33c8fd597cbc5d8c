"""Tables as text: files, cells, rows."""
