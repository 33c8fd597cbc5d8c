"""The `reverse` setting: which strategy it names, and what its settings can be."""

from dataclasses import dataclass
from typing import assert_never

from drmadc.common.diagnostics.model import Bag, Diagnostic
from drmadc.compiler.check.errors import name_errors, strategy_errors
from drmadc.ir.reverse import Reverse
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.registry import EXAMPLES, STRATEGIES
from drmadc.language.strategies.settings import Bound, Count, Examples, Fraction, Limits, Option, Setting, Size, Switch
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
        bag.add(strategy_errors.NotAStrategy(value.span, text, word, tuple(EXAMPLES), EXAMPLES.get(word, "")))
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

    @property
    def named(self) -> tuple[str, str]:
        """The strategy's name and how it is written, as its diagnostics take them."""
        return self.word, EXAMPLES[self.word]

    def fail(self, mistake: Diagnostic) -> _Wrong:
        """Report, and give up on this value."""
        self.bag.add(mistake)
        return _Wrong()

    def strategy(self) -> Strategy:
        """The strategy with its settings."""
        form, given = self.arguments()
        kind = self.kind(form, given)
        values: dict[str, Value] = {}
        failed = False
        for setting in kind.settings:
            try:
                values[setting.field] = self.value(setting, given.get(setting.name), values)
            except _Wrong:
                failed = True
        if failed:
            raise _Wrong
        strategy = kind(**values)
        conflict = strategy.conflict()
        if conflict is not None:
            span = given[conflict.setting].span
            raise self.fail(strategy_errors.ConflictingSettings(span, *self.named, conflict))
        return strategy

    def arguments(self) -> tuple[str, dict[str, ast.Expr]]:
        """The form, and the settings by name."""
        kinds = [kind for kind in STRATEGIES if kind.word == self.word]
        forms = tuple(kind.form for kind in kinds if kind.form)
        names = tuple(setting.name for kind in kinds for setting in kind.settings)
        form = ""
        given: dict[str, ast.Expr] = {}
        before = self.bag.errors
        for arg in self.call.args:
            at = arg.value.span
            label = arg.name or format_expr(arg.value)
            if arg.name is None and label not in forms:
                self.bag.add(strategy_errors.UnknownForm(at, *self.named, label, forms))
            elif arg.name is None and form:
                self.bag.add(strategy_errors.SecondForm(at, *self.named, form, label))
            elif arg.name is None:
                form = label
            elif label not in names:
                self.bag.add(strategy_errors.UnknownStrategySetting(at, *self.named, label, names))
            elif label in given:
                self.bag.add(name_errors.GivenTwice(at, label, given[label].span))
            else:
                given[label] = arg.value
        if self.bag.errors > before:
            raise _Wrong
        return form, given

    def kind(self, form: str, given: dict[str, ast.Expr]) -> type[Strategy]:
        """The strategy of this form; where several have it, the one that takes what is given."""
        kinds = [kind for kind in STRATEGIES if kind.word == self.word and kind.form == form]
        if len(kinds) > 1:
            names = tuple(setting.name for kind in kinds for setting in kind.settings)
            kinds = [kind for kind in kinds if set(given) == {setting.name for setting in kind.settings}]
            if len(kinds) != 1:
                raise self.fail(strategy_errors.OneOfSettings(self.call.span, *self.named, names, len(given)))
        for name, value in given.items():
            if name not in {setting.name for setting in kinds[0].settings}:
                raise self.fail(strategy_errors.SettingOfOtherForm(value.span, *self.named, form, name))
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
        each = int(before.get(setting.per, 1)) if setting.per else 1
        low, high = setting.low * each, self.limits.of(setting.high)
        if value is not None:
            return self.whole(setting.name, value, low, high, setting.high, setting.per)
        if setting.default is None:
            missing = strategy_errors.MissingStrategySetting(self.call.span, *self.named, setting.name, setting.about)
            raise self.fail(missing)
        return setting.default * each if high is None else min(setting.default * each, high)

    def whole(self, name: str, value: ast.Expr, low: int, high: int | None, bound: Bound | None, per: str = "") -> int:
        """A whole number in [low, high]."""
        number = value.value if isinstance(value, ast.Number) else None
        if not isinstance(number, int) or number < low or (high is not None and number > high):
            found = format_expr(value)
            known = bound if high is not None else None
            raise self.fail(strategy_errors.WrongNumber(value.span, *self.named, name, found, low, high, known, per))
        return number

    def option(self, name: str, value: ast.Expr, options: tuple[str, ...]) -> str:
        """One of some words."""
        word = format_expr(value)
        if word not in options:
            raise self.fail(strategy_errors.NotAChoice(value.span, *self.named, name, word, options))
        return word

    def size(self, name: str, value: ast.Expr) -> int:
        """A bound in bytes."""
        bound = bytes_of(value.text, value.unit) if isinstance(value, ast.Quantity) else 0
        if bound <= 0:
            found = format_expr(value)
            raise self.fail(strategy_errors.NotAnAmount(value.span, *self.named, name, found, "bytes"))
        return bound

    def fraction(self, name: str, value: ast.Expr) -> int:
        """`200` or `T / 10` of the training steps."""
        steps = self.limits.steps
        match value:
            case ast.Binary("/", ast.Name("T"), ast.Number(text)) if text.isdigit() and int(text) > 0:
                return max(1, steps // int(text)) if steps is not None else 1
            case ast.Number():
                return self.whole(name, value, 1, steps, "steps")
            case _:
                found = format_expr(value)
                raise self.fail(strategy_errors.NotAnAmount(value.span, *self.named, name, found, "steps"))

    def examples(self, setting: Examples, value: ast.Expr | None) -> int:
        """A number of examples; 0 for `all`, and without data."""
        split = self.limits.examples
        if isinstance(value, ast.Name) and value.text == "all":
            return 0
        if value is None:
            return 0 if split is None else min(setting.default, split)
        if split is None:
            raise self.fail(strategy_errors.ExamplesWithoutData(value.span, *self.named, setting.name))
        return self.whole(setting.name, value, 1, split, "examples")
