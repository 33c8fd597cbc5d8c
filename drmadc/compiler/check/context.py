"""What is known while a spec is checked: declarations, parameters and groups so far, and the place of an expression."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from drmadc.common.diagnostics.model import Bag, Diagnostic
from drmadc.common.source import Span
from drmadc.compiler.check.draft import Train, Tune
from drmadc.compiler.check.source import Source
from drmadc.ir import nodes as ir
from drmadc.ir.program import (
    Data,
    Expectation,
    Group,
    HyperParameter,
    Learned,
    Let,
    Model,
    Parameter,
    Report,
    Retrain,
    Sweep,
)
from drmadc.ir.types import Array, Type
from drmadc.language.context import Place
from drmadc.syntax import ast

D = TypeVar("D", bound=ast.Decl)


@dataclass
class Known:
    """The tables that the phases of checking fill, one after another.

    `unread`: syntax errors came before. `broken`: names whose declaration is wrong, so that their uses are not
    reported again. `trains_on`: the block that `train { data = NAME }` names.
    """

    bag: Bag
    spec: ast.Spec
    rules: dict[str, ast.UpdateDecl]
    unread: bool = False
    lets: dict[str, ast.LetDecl] = field(default_factory=dict)
    data: Data | None = None
    data_decl: ast.DataDecl | None = None
    models: dict[str, Model] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    hypers: dict[str, HyperParameter] = field(default_factory=dict)
    hyper_spans: dict[str, Span] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    learned: Learned | None = None
    trains_on: str | None = None
    learned_decls: tuple[ast.DataDecl, ...] = ()
    noises: int = 0
    train: Train | None = None
    sweep: Sweep | None = None
    tune: Tune | None = None
    retrain: Retrain | None = None
    reports: tuple[Report, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    def all(self, kind: type[D]) -> list[D]:
        """The declarations of a kind, in the order of the spec."""
        return [decl for decl in self.spec.decls if isinstance(decl, kind)]

    def single(self, kind: type[D]) -> D | None:
        """The first declaration of a kind that is given once at most."""
        return next(iter(self.all(kind)), None)

    @property
    def steps(self) -> int | None:
        """Number of training steps, where it is known."""
        return self.train.steps if self.train is not None else None

    @property
    def data_is_wrong(self) -> bool:
        """Whether a source is declared, and is wrong (reported already), or may stand in what could not be read."""
        return self.data is None and (self.data_decl is not None or self.unread)

    def add_group(self, name: str, members: tuple[str, ...]) -> None:
        """Declare a parameter group; empty ones do not exist."""
        if members:
            self.groups[name] = Group(name, members)

    @property
    def examples(self) -> int | None:
        """Number of training examples, where there are any."""
        if self.learned is not None:
            return self.learned.size
        if self.data is None or not any(split.name == "train" for split in self.data.splits):
            return None
        return self.data.size_of("train")


def head(span: Span, keyword: str) -> Span:
    """The keyword at the head of a block."""
    return Span(span.file, span.start, span.start + len(keyword))


@dataclass
class Context:
    """Where an expression stands (`TypingContext` says which places there are), and the local names there.

    At `initial`, `name` and `shape` are those of the hyperparameter. At `data`, `source` is where fields are from;
    `filling`: what is missing may be read here; `unfilled`: fields whose missing values were reported.
    """

    known: Known
    place: Place
    locals: dict[str, Type] = field(default_factory=dict)
    split: str | None = None
    layer: str | None = None
    layers: dict[str, Parameter] = field(default_factory=dict)
    lets: dict[str, Let] = field(default_factory=dict)
    statistics: list[Let] = field(default_factory=list)
    open_lets: tuple[str, ...] = ()
    draws: int = 0
    tasks: int = 0
    shape: Array | None = None
    name: str = ""
    source: Source | None = None
    filling: bool = False
    unfilled: set[str] = field(default_factory=set)

    @property
    def bag(self) -> Bag:
        """Where mistakes go."""
        return self.known.bag

    def report(self, mistake: Diagnostic) -> None:
        """Keep a mistake."""
        self.bag.add(mistake)

    @property
    def at_step(self) -> bool:
        """Whether a hyperparameter with a step axis stands for its value at one step."""
        return self.place in ("minibatch", "update")


Infer = Callable[[ast.Expr, Context], ir.Expr | None]
