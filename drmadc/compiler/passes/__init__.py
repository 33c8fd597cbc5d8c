"""Program to program: simplification and the derivation of the adjoint."""
