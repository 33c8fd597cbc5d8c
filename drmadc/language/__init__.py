"""The concepts of the language, one in one file: functions, layers, strategies."""
