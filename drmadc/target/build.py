"""Short constructors of the Python tree: calls of dotted names, items of dictionaries, numbers."""

from drmadc.target.tree import Call, Expr, Id, Literal, Minus, Subscript


def call(function: str, *args: Expr, **named: Expr) -> Call:
    """A call of a dotted name."""
    return Call(Id(function), args, tuple(named.items()))


def item(name: str, entry: str) -> Subscript:
    """name["entry"]"""
    return Subscript(Id(name), (Literal(entry),))


def number(value: float) -> Expr:
    """A literal; whole numbers without a point."""
    if value.is_integer() and abs(value) < 1e6:
        return Minus(Literal(int(-value))) if value < 0 else Literal(int(value))
    return Minus(Literal(-value)) if value < 0 else Literal(value)
