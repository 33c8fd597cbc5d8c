"""What a program is to other libraries: its update rule and its penalties, parameter by parameter."""
