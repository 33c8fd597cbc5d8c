"""The command line: all reading, writing, printing and exit codes."""
