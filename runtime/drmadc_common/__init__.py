"""What compiler and runtime must agree on, written once: formats, data sets, counts, words of messages.

Pure Python from the standard library: both sides import it, and it imports neither, nor NumPy, nor JAX.
"""
