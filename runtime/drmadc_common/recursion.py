"""The recursion of exact(tree): how many levels of snapshots it has."""


def recursion_levels(steps: int, arity: int) -> int:
    """The smallest number of levels, at least 1, with arity^levels >= steps (Griewank 1992); `arity` is at least 2."""
    levels, reach = 1, arity
    while reach < steps:
        levels, reach = levels + 1, reach * arity
    return levels
