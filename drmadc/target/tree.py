"""The part of Python's syntax that emitted modules use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Id:
    """A name, possibly dotted: `jnp.exp`."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, bool or None."""

    value: float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """f(a, k=b)"""

    function: "Expr"
    args: tuple["Expr", ...] = ()
    named: tuple[tuple[str, "Expr"], ...] = ()


@dataclass(frozen=True, slots=True)
class Subscript:
    """x[i]; several indices form a tuple."""

    base: "Expr"
    index: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """x.name"""

    base: "Expr"
    name: str


@dataclass(frozen=True, slots=True)
class Operator:
    """a + b and likewise - * / // ** @"""

    op: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Minus:
    """-x"""

    x: "Expr"


@dataclass(frozen=True, slots=True)
class Tuple:
    """(a, b)"""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class List:
    """[a, b]"""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Dict:
    """{k: v}"""

    items: tuple[tuple["Expr", "Expr"], ...]


@dataclass(frozen=True, slots=True)
class Lambda:
    """lambda a, b: body"""

    params: tuple[str, ...]
    body: "Expr"


Expr = Id | Literal | Call | Subscript | Attribute | Operator | Minus | Tuple | List | Dict | Lambda


@dataclass(frozen=True, slots=True)
class Assign:
    """target = value, or target += value; `comment` names the spec's line."""

    targets: tuple["Expr", ...]
    value: Expr
    comment: str = ""
    op: str = "="


@dataclass(frozen=True, slots=True)
class Return:
    """return value"""

    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression for its effect."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Import:
    """import module [as name]"""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line."""


@dataclass(frozen=True, slots=True)
class Function:
    """def name(params): docstring, body; `comment` stands beside the docstring's end."""

    name: str
    params: tuple[tuple[str, Expr | None], ...]
    doc: str
    body: tuple["Statement", ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class IfMain:
    """if __name__ == "__main__":"""

    body: tuple["Statement", ...]


Statement = Assign | Return | Evaluate | Import | Blank | Function | IfMain


@dataclass(frozen=True, slots=True)
class Module:
    """A docstring and statements."""

    doc: str
    body: tuple[Statement, ...]
