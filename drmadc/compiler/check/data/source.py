"""Words that source calls have in common: numbers, arguments as they are written, fields of images."""

from drmadc.ir.program import Field
from drmadc.ir.types import EXAMPLE, Array, sizes
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr


def positive(value: ast.Expr) -> int:
    """A whole number above 0 as it stands in the spec; 0 for anything else."""
    return value.value if isinstance(value, ast.Number) and isinstance(value.value, int) else 0


def argument_text(arg: ast.Arg) -> str:
    """An argument as it is written."""
    return f"{arg.name}: {format_expr(arg.value)}" if arg.name else format_expr(arg.value)


def images(shape: tuple[int, ...], classes: int) -> tuple[Field, ...]:
    """`image: byte[shape]` and `label: class[classes]`."""
    return (
        Field("image", Array("byte", (EXAMPLE, *sizes(*shape)))),
        Field("label", Array("class", (EXAMPLE,), classes)),
    )
