"""The `reverse` setting: its forms, their settings, and what each can be."""

from collections.abc import Callable
from dataclasses import dataclass

from drmadc.common.diagnostics.model import Bag
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.compiler.check.errors.program_errors import BadReverse
from drmadc.ir.reverse import (
    Auto,
    Drmad,
    Exact,
    Flow,
    Forward,
    Implicit,
    Naive,
    OneStep,
    Published,
    Reverse,
    Strategy,
    Truncated,
)
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.amounts import bytes_of

DEFAULT_MEMORY = 2_000_000_000
EXAMPLES = {
    "exact": "exact(), exact(store), exact(checkpoint), exact(tree), exact(reversible), exact(memory: 2 GB)",
    "drmad": "drmad(knots: 16, curvature: auto), drmad(paper)",
    "naive": "naive()",
    "flow": "flow(knots: 16, segments: 20, products: 240, batch: 2000)",
    "truncated": "truncated(steps: 200)",
    "implicit": "implicit(neumann: 20), implicit(cg: 20)",
    "forward": "forward()",
    "one_step": "one_step(every: 10)",
    "auto": "auto(memory: 2 GB)",
}
WORDS = {"exact": ("store", "checkpoint", "tree", "reversible"), "drmad": ("paper",)}
SETTINGS = {
    "exact": ("memory",),
    "drmad": ("knots", "curvature", "progress", "steps"),
    "naive": (),
    "flow": ("knots", "segments", "products", "batch"),
    "truncated": ("steps",),
    "implicit": ("neumann", "cg"),
    "forward": (),
    "one_step": ("every",),
    "auto": ("memory",),
}


class _Wrong(Exception):
    """The setting was reported."""


@dataclass(frozen=True)
class _Form:
    """A call that is being read: its word, and its settings by name."""

    name: str
    call: ast.Call
    word: str
    given: dict[str, ast.Expr]
    bag: Bag

    def fail(self, at: ast.Expr, problem: str, place: str, advice: str = "") -> _Wrong:
        """Report, and give up on this strategy."""
        self.bag.add(BadReverse(at.span, problem, place, advice or f"for example: {EXAMPLES[self.name]}"))
        return _Wrong()

    def count(self, setting: str, default: int, low: int, high: int | None, why: str) -> int:
        """A whole number in [low, high]."""
        value = self.given.get(setting)
        if value is None:
            return default
        number = value.value if isinstance(value, ast.Number) else None
        wanted = f"from {low} to {high}" if high is not None else f"at least {low}"
        if not isinstance(number, int):
            raise self.fail(
                value, f"`{setting}` of {self.name}() is a whole number {wanted}", f"not {format_expr(value)}"
            )
        if number < low or (high is not None and number > high):
            raise self.fail(value, f"{self.name}() needs {setting} {wanted}, not {number}", why)
        return number

    def option(self, setting: str, options: tuple[str, ...]) -> str:
        """One of some words; the first is the default."""
        value = self.given.get(setting)
        if value is None:
            return options[0]
        word = value.text if isinstance(value, ast.Name) else format_expr(value)
        if word not in options:
            raise self.fail(
                value,
                f"`{setting}` is {', '.join(options[:-1])} or {options[-1]}",
                "not one of them",
                did_you_mean(word, options, "choice"),
            )
        return word

    def memory(self) -> int:
        """A bound in bytes."""
        value = self.given.get("memory")
        if value is None:
            return DEFAULT_MEMORY
        if isinstance(value, ast.Quantity):
            bound = bytes_of(value.text, value.unit)
            if bound > 0:
                return bound
        raise self.fail(value, "`memory` is a size such as 500 MB or 2 GB", f"not {format_expr(value)}")

    def fraction(self, steps: int | None) -> int:
        """`steps: 200` or `steps: T / 10`; 0 where it is not given."""
        value = self.given.get("steps")
        if value is None:
            return 0
        match value:
            case ast.Binary("/", ast.Name("T"), ast.Number(text)) if text.isdigit() and int(text) > 0:
                part = int(text)
                return max(1, steps // part) if steps is not None else 1
            case ast.Number():
                return self.count("steps", 0, 1, steps, "more than there are training steps")
        raise self.fail(value, "`steps` is a whole number or a fraction T / 10 of the training steps", "neither")


def check_reverse(value: ast.Expr, steps: int | None, train_size: int | None, bag: Bag) -> Reverse | None:
    """The strategy that a `reverse` setting asks for; None where it is wrong, which is then in the bag."""
    text = format_expr(value)
    name = value.function.text if isinstance(value, ast.Call) and isinstance(value.function, ast.Name) else text
    if name not in SETTINGS or not isinstance(value, ast.Call):
        advice = did_you_mean(name, tuple(SETTINGS), "strategy")
        if name in SETTINGS:
            advice = f"for example: {EXAMPLES[name]}"
        bag.add(BadReverse(value.span, f"`{text}` is not a reverse strategy", "not a strategy", advice))
        return None
    try:
        form = _read(name, value, bag)
        strategy = BUILD[name](form, steps, train_size)
    except _Wrong:
        return None
    return Reverse(strategy, text, value.span.origin)


def _read(name: str, call: ast.Call, bag: Bag) -> _Form:
    form = _Form(name, call, "", {}, bag)
    word = ""
    for arg in call.args:
        label = arg.name or format_expr(arg.value)
        if arg.name is None:
            words = WORDS.get(name, ())
            if label not in words or word:
                advice = "" if word or not words else did_you_mean(label, words, "form")
                raise form.fail(arg.value, f"{name}() does not take `{label}`", "unknown form", advice)
            word = label
            continue
        if arg.name not in SETTINGS[name]:
            advice = did_you_mean(label, SETTINGS[name], "setting") if SETTINGS[name] else ""
            raise form.fail(arg.value, f"{name}() has no setting `{label}`", "unknown", advice)
        if arg.name in form.given:
            raise form.fail(arg.value, f"`{label}` is given twice", "again here")
        form.given[arg.name] = arg.value
    if word and form.given:
        first = next(iter(form.given))
        raise form.fail(form.given[first], f"{name}({word}) takes no settings", f"`{first}` has no meaning here")
    return _Form(name, call, word, form.given, bag)


def _exact(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    match form.word:
        case "store" | "checkpoint" | "tree" | "reversible" as word:
            return Exact(word)
        case _:
            return Exact("any", form.memory())


def _knots(form: _Form, default: int, steps: int | None) -> int:
    most = None if steps is None else steps + 1
    why = "there are no more states to keep; where every step is to be kept, write exact(store)"
    default = default if most is None else min(default, most)
    return form.count("knots", default, 2, most, why)


def _drmad(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    if form.word == "paper":
        return Published()
    knots = _knots(form, 2, steps)
    curvature = form.option("curvature", ("exact", "gauss_newton", "auto"))
    progress = form.option("progress", ("off", "on")) == "on"
    count = form.fraction(steps)
    if count and curvature == "auto":
        raise form.fail(
            form.given["steps"], "`curvature: auto` watches every step", "not with `steps`", "leave one of them out"
        )
    match curvature:
        case "exact" | "gauss_newton" | "auto":
            return Drmad(knots, curvature, progress, count)
        case _:
            raise AssertionError(curvature)


def _flow(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    knots = _knots(form, 16, steps)
    segments = form.count(
        "segments", 20 if steps is None else min(20, steps), 1, steps, "more than there are training steps"
    )
    products = form.count("products", 12 * segments, segments, None, "fewer than one for each segment")
    batch = form.given.get("batch")
    if isinstance(batch, ast.Name) and batch.text == "all":
        return Flow(knots, segments, products, 0)
    if train_size is None:
        if batch is not None:
            raise form.fail(batch, "flow() takes a `batch` only with data", "there is no data", "leave it out")
        return Flow(knots, segments, products, 0)
    size = form.count("batch", min(2000, train_size), 1, train_size, "more than the train split has")
    return Flow(knots, segments, products, size)


def _naive(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    return Naive()


def _truncated(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    if "steps" not in form.given:
        raise form.fail(form.call, "truncated() needs the number of steps to go back", "how many?")
    return Truncated(form.count("steps", 1, 1, steps, "more than there are training steps"))


def _implicit(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    if len(form.given) != 1:
        raise form.fail(form.call, "implicit() takes one solver with its number of iterations", "which one?")
    if "cg" in form.given:
        return Implicit("cg", form.count("cg", 1, 1, None, "too few"))
    return Implicit("neumann", form.count("neumann", 1, 1, None, "too few"))


def _forward(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    return Forward()


def _one_step(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    return OneStep(form.count("every", 1, 1, steps, "more than there are training steps"))


def _auto(form: _Form, steps: int | None, train_size: int | None) -> Strategy:
    return Auto(form.memory())


BUILD: dict[str, Callable[[_Form, int | None, int | None], Strategy]] = {
    "exact": _exact,
    "drmad": _drmad,
    "naive": _naive,
    "flow": _flow,
    "truncated": _truncated,
    "implicit": _implicit,
    "forward": _forward,
    "one_step": _one_step,
    "auto": _auto,
}
