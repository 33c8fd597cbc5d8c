"""The `reverse` setting: which strategy it names, and what its settings can be."""

from dataclasses import dataclass
from typing import assert_never

from drmadc.common.diagnostics.model import Bag
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.compiler.check.errors.program_errors import BadReverse
from drmadc.ir.reverse import Reverse
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.registry import EXAMPLES, STRATEGIES
from drmadc.language.strategies.settings import Count, Examples, Fraction, Limits, Option, Setting, Size, Switch
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.amounts import bytes_of

Value = int | str | bool


class _Wrong(Exception):
    """The setting was reported."""


def check_reverse(value: ast.Expr, limits: Limits, bag: Bag) -> Reverse | None:
    """The strategy that a `reverse` setting asks for; None where it is wrong, which is then in the bag."""
    text = format_expr(value)
    word = value.function.text if isinstance(value, ast.Call) and isinstance(value.function, ast.Name) else text
    if word not in EXAMPLES or not isinstance(value, ast.Call):
        advice = (
            f"for example: {EXAMPLES[word]}" if word in EXAMPLES else did_you_mean(word, tuple(EXAMPLES), "strategy")
        )
        bag.add(BadReverse(value.span, f"`{text}` is not a reverse strategy", "not a strategy", advice))
        return None
    try:
        return Reverse(_Reading(word, value, limits, bag).strategy(), text, value.span.origin)
    except _Wrong:
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A call that is being read."""

    word: str
    call: ast.Call
    limits: Limits
    bag: Bag

    def fail(self, at: ast.Expr, problem: str, place: str, advice: str = "") -> _Wrong:
        """Report, and give up on this strategy."""
        self.bag.add(BadReverse(at.span, problem, place, advice or f"for example: {EXAMPLES[self.word]}"))
        return _Wrong()

    def strategy(self) -> Strategy:
        """The strategy with its settings."""
        form, given = self.arguments()
        kind = self.kind(form, given)
        values: dict[str, Value] = {}
        for setting in kind.settings:
            values[setting.field] = self.value(setting, given.get(setting.name), values)
        strategy = kind(**values)
        conflict = strategy.conflict()
        if conflict is not None:
            raise self.fail(given[conflict.setting], conflict.problem, conflict.place, conflict.advice)
        return strategy

    def arguments(self) -> tuple[str, dict[str, ast.Expr]]:
        """The form, and the settings by name."""
        kinds = [kind for kind in STRATEGIES if kind.word == self.word]
        forms = tuple(kind.form for kind in kinds if kind.form)
        names = tuple(setting.name for kind in kinds for setting in kind.settings)
        form = ""
        given: dict[str, ast.Expr] = {}
        for arg in self.call.args:
            label = arg.name or format_expr(arg.value)
            if arg.name is None:
                if label not in forms or form:
                    advice = "" if form or not forms else did_you_mean(label, forms, "form")
                    raise self.fail(arg.value, f"{self.word}() does not take `{label}`", "unknown form", advice)
                form = label
            elif label not in names:
                advice = did_you_mean(label, names, "setting") if names else ""
                raise self.fail(arg.value, f"{self.word}() has no setting `{label}`", "unknown", advice)
            elif label in given:
                raise self.fail(arg.value, f"`{label}` is given twice", "again here")
            else:
                given[label] = arg.value
        return form, given

    def kind(self, form: str, given: dict[str, ast.Expr]) -> type[Strategy]:
        """The strategy of this form; where several have it, the one that takes what is given."""
        kinds = [kind for kind in STRATEGIES if kind.word == self.word and kind.form == form]
        if len(kinds) > 1:
            names = [f"`{setting.name}`" for kind in kinds for setting in kind.settings]
            kinds = [kind for kind in kinds if set(given) == {setting.name for setting in kind.settings}]
            if len(kinds) != 1:
                raise self.fail(self.call, f"{self.word}() takes either {' or '.join(names)}", "which one?")
        for name, value in given.items():
            if name not in {setting.name for setting in kinds[0].settings}:
                problem = f"{self.word}({form}) takes no setting `{name}`"
                raise self.fail(value, problem, "not allowed here")
        return kinds[0]

    def value(self, setting: Setting, value: ast.Expr | None, before: dict[str, Value]) -> Value:
        """The value of a setting; its default where it is not given."""
        match setting:
            case Count():
                return self.count(setting, value, before)
            case Option(name, options=options):
                return options[0] if value is None else self.option(name, value, options)
            case Switch(name):
                return value is not None and self.option(name, value, setting.options) == "on"
            case Size(default=default):
                return default if value is None else self.size(setting.name, value)
            case Fraction(name):
                return 0 if value is None else self.fraction(name, value)
            case Examples():
                return self.examples(setting, value)
            case _:
                assert_never(setting)

    def count(self, setting: Count, value: ast.Expr | None, before: dict[str, Value]) -> int:
        """A whole number in its bounds; the default is lowered to the upper one."""
        each = int(before[setting.per]) if setting.per else 1
        low, high = setting.low * each, self.limits.of(setting.high)
        if value is not None:
            return self.whole(setting.name, value, low, high, setting.why)
        if setting.default is None:
            raise self.fail(self.call, f"{self.word}() needs `{setting.name}`: {setting.about}", "missing here")
        return setting.default * each if high is None else min(setting.default * each, high)

    def whole(self, name: str, value: ast.Expr, low: int, high: int | None, why: str) -> int:
        """A whole number in [low, high]."""
        number = value.value if isinstance(value, ast.Number) else None
        wanted = f"from {low} to {high}" if high is not None else f"at least {low}"
        if not isinstance(number, int):
            problem = f"`{name}` of {self.word}() must be an integer {wanted}"
            raise self.fail(value, problem, f"not {format_expr(value)}")
        if number < low or (high is not None and number > high):
            raise self.fail(value, f"{self.word}() needs {name} {wanted}, not {number}", why)
        return number

    def option(self, name: str, value: ast.Expr, options: tuple[str, ...]) -> str:
        """One of some words."""
        word = value.text if isinstance(value, ast.Name) else format_expr(value)
        if word not in options:
            problem = f"`{name}` must be {', '.join(options[:-1])} or {options[-1]}"
            raise self.fail(value, problem, "not one of them", did_you_mean(word, options, "choice"))
        return word

    def size(self, name: str, value: ast.Expr) -> int:
        """A bound in bytes."""
        bound = bytes_of(value.text, value.unit) if isinstance(value, ast.Quantity) else 0
        if bound <= 0:
            raise self.fail(value, f"`{name}` is a size such as 500 MB or 2 GB", f"not {format_expr(value)}")
        return bound

    def fraction(self, name: str, value: ast.Expr) -> int:
        """`200` or `T / 10` of the training steps."""
        steps = self.limits.steps
        match value:
            case ast.Binary("/", ast.Name("T"), ast.Number(text)) if text.isdigit() and int(text) > 0:
                return max(1, steps // int(text)) if steps is not None else 1
            case ast.Number():
                return self.whole(name, value, 1, steps, "more than there are training steps")
            case _:
                problem = f"`{name}` must be an integer or a fraction T / 10 of the training steps"
                raise self.fail(value, problem, "neither")

    def examples(self, setting: Examples, value: ast.Expr | None) -> int:
        """A number of examples; 0 for `all`, and without data."""
        split = self.limits.examples
        if isinstance(value, ast.Name) and value.text == "all":
            return 0
        if value is None:
            return 0 if split is None else min(setting.default, split)
        if split is None:
            problem = f"{self.word}() supports `{setting.name}` only with data"
            raise self.fail(value, problem, "this program has no data", "leave it out")
        return self.whole(setting.name, value, 1, split, "more than the train split has")
