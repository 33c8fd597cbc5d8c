"""Mistakes of form (E01) and unknown declarations (E0201)."""

from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.common.source import Span
from drmadc.syntax.ast import KEYWORDS


class UnreadableImport(Diagnostic):
    code: ClassVar[str] = "E0108"
    path: str
    reason: str

    def message(self) -> str:
        return f"cannot read `{self.path}`: {self.reason.lower()}"

    def label(self) -> str:
        return "imported here"

    def help(self) -> str:
        return "the path is relative to the folder of the file that imports it"


class CyclicImport(Diagnostic):
    code: ClassVar[str] = "E0109"
    chain: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.chain[0]}` imports itself"

    def label(self) -> str:
        return "the cycle closes here"

    def note(self) -> str:
        return "" if len(self.chain) < 3 else f"the cycle is {' -> '.join(self.chain)}"

    def help(self) -> str:
        return "move what both files need to a third one, and import that"


class UnexpectedText(Diagnostic):
    code: ClassVar[str] = "E0101"
    found: str
    expected: tuple[str, ...]

    def message(self) -> str:
        return f"unexpected {self.found}"

    def label(self) -> str:
        if len(self.expected) == 1:
            return f"expected {self.expected[0]}"
        return f"expected one of: {', '.join(self.expected)}" if self.expected else "not expected here"

    def help(self) -> str:
        return "a declaration reads `name: type = value`, a setting `name = value`"


class ReservedWord(Diagnostic):
    code: ClassVar[str] = "E0214"
    word: str

    def message(self) -> str:
        return f"`{self.word}` is reserved: it is a word of the language"

    def label(self) -> str:
        return "cannot be a name"

    def help(self) -> str:
        return f"choose another name, for example `{self.word}_`"


class Unclosed(Diagnostic):
    code: ClassVar[str] = "E0102"
    bracket: str
    end: Span

    def message(self) -> str:
        return f"`{self.bracket}` is never closed"

    def label(self) -> str:
        return "opened here"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.end, "the declaration ends here without it"),)

    def help(self) -> str:
        return f"add the missing `{ {'(': ')', '[': ']', '{': '}'}[self.bracket] }`"


class StrayBracket(Diagnostic):
    code: ClassVar[str] = "E0102"
    bracket: str

    def message(self) -> str:
        return f"unmatched `{self.bracket}`"

    def label(self) -> str:
        return "no matching opening bracket"

    def help(self) -> str:
        return "remove it, or add the opening bracket"


class ForeignCharacter(Diagnostic):
    code: ClassVar[str] = "E0103"
    character: str

    def message(self) -> str:
        return f"invalid character {self._shown()}"

    def _shown(self) -> str:
        point = f"U+{ord(self.character):04X}"
        return f"`{self.character}` ({point})" if self.character.isprintable() else point

    def label(self) -> str:
        return "not allowed outside comments"

    def note(self) -> str:
        return "a spec is plain ASCII, except in comments"

    def help(self) -> str:
        plain = {
            "×": "*",
            "·": "*",
            "÷": "/",
            "−": "-",
            "–": "-",
            "²": "^ 2",
            "λ": "lambda_",
            "→": "->",
            "“": "nothing",
            "”": "nothing",
            "’": "'",
        }.get(self.character)
        return f"write `{plain}`" if plain else "use ASCII characters, or move it into a comment"


class NotText(Diagnostic):
    code: ClassVar[str] = "E0104"
    offset: int

    def message(self) -> str:
        return "this file is not UTF-8 text"

    def label(self) -> str:
        return "a spec is UTF-8 text"

    def note(self) -> str:
        return f"invalid UTF-8 at byte {self.offset}"

    def help(self) -> str:
        return "pass a .drm file; to convert another encoding: iconv -f latin1 -t utf-8"


class EmptySpec(Diagnostic):
    code: ClassVar[str] = "E0105"

    def message(self) -> str:
        return "the spec is empty"

    def label(self) -> str:
        return "no declarations"

    def help(self) -> str:
        return "start from an example such as specs/mnist_l2.drm: data, model, hyper, train, tune, report"


class TooDeep(Diagnostic):
    code: ClassVar[str] = "E0106"
    limit: int

    def message(self) -> str:
        return f"this expression is nested more than {self.limit} levels deep"

    def label(self) -> str:
        return "too deep"

    def help(self) -> str:
        return "name parts of it with `let`"


class TooLong(Diagnostic):
    code: ClassVar[str] = "E0107"
    limit: int

    def message(self) -> str:
        return f"this name has more than {self.limit} characters"

    def label(self) -> str:
        return "begins here"

    def help(self) -> str:
        return "choose a shorter name: files and columns are called by it"


class TooLarge(Diagnostic):
    code: ClassVar[str] = "E0107"

    def message(self) -> str:
        return "this number is too large for a float"

    def label(self) -> str:
        return "above 1.8e308"


class UnknownDeclaration(Diagnostic):
    code: ClassVar[str] = "E0201"
    keyword: str

    def message(self) -> str:
        return f"unknown declaration `{self.keyword}`"

    def label(self) -> str:
        return "not a declaration keyword"

    def help(self) -> str:
        return did_you_mean(self.keyword, KEYWORDS, "declaration")
