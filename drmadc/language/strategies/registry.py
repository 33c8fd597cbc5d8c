"""All reverse strategies, found in this package: one file each, in the order that they give themselves."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import drmadc.language.strategies as package
from drmadc.language.strategies.auto import Exact
from drmadc.language.strategies.base import Strategy


def _found() -> Iterator[type[Strategy]]:
    """The concrete strategies of every module of the package."""
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        if module.name != __name__:
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, Strategy) and hasattr(value, "order"):
                    yield value


STRATEGIES: tuple[type[Strategy], ...] = tuple(sorted(set(_found()), key=lambda strategy: strategy.order))
EXAMPLES: dict[str, str] = {
    word: ", ".join(strategy.example for strategy in STRATEGIES if strategy.word == word)
    for word in dict.fromkeys(strategy.word for strategy in STRATEGIES)
}
STATS: tuple[str, ...] = tuple(dict.fromkeys(name for strategy in STRATEGIES for name in strategy.stats))
DEFAULT = Exact()


def arguments_of(word: str) -> dict[str, str]:
    """Forms and settings that the strategies of a word take, and what each means."""
    kinds = [strategy for strategy in STRATEGIES if strategy.word == word]
    forms = {kind.form: f"{kind.example}: {kind.gradient}" for kind in kinds if kind.form}
    return forms | {setting.name: setting.about for kind in kinds for setting in kind.settings}
