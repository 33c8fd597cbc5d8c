"""What the entries of hyperparameters are called: examples, columns, words, layers, classes, tasks."""
