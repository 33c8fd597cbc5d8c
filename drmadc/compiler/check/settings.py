"""Settings of a block: each known, given once, and there when needed."""

from drmadc.common.diagnostics.meanings import MEANT
from drmadc.common.diagnostics.model import Bag
from drmadc.common.diagnostics.suggest import nearest
from drmadc.common.source import Span
from drmadc.compiler.check.errors import name_errors
from drmadc.syntax import ast


class Settings:
    """The settings of one block by name; unknown and repeated ones are reported when it is made."""

    def __init__(
        self, block: str, settings: tuple[ast.Setting, ...], allowed: tuple[str, ...], span: Span, bag: Bag
    ) -> None:
        self._block = block
        self.span = span
        self._bag = bag
        self._given: dict[str, ast.Setting] = {}
        self._misspelt: set[str] = set()
        for setting in settings:
            if setting.name not in allowed:
                bag.add(name_errors.UnknownSetting(setting.name_span, setting.name, block, allowed))
                meant = MEANT.get(block.partition(" ")[0], {}).get(setting.name.lower())
                self._misspelt.add(meant or nearest(setting.name, allowed) or "")
            elif setting.name in self._given:
                first = self._given[setting.name].name_span
                bag.add(name_errors.GivenTwice(setting.name_span, setting.name, first))
            else:
                self._given[setting.name] = setting

    def optional(self, name: str) -> ast.Expr | None:
        """The value of a setting, or None."""
        setting = self._given.get(name)
        return setting.value if setting else None

    def required(self, name: str, example: str) -> ast.Expr | None:
        """The value of a setting; its absence is reported with an example of what to write."""
        if name not in self._given and name not in self._misspelt:
            head = Span(self.span.file, self.span.start, self.span.start + len(self._block))
            self._bag.add(name_errors.MissingSetting(head, self._block, name, example))
        return self.optional(name)

    def origins(self) -> tuple[tuple[str, str], ...]:
        """Where each setting was given."""
        return tuple((name, setting.span.origin) for name, setting in self._given.items())
