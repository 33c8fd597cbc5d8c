"""The .drm language: its Lark grammar and its prelude of update rules, as resources."""

from importlib.resources import files


def grammar_text() -> str:
    """The LALR grammar, in Lark's notation."""
    return (files(__name__) / "drm.lark").read_text(encoding="utf-8")


def prelude_text() -> str:
    """The standard update rules, written in the language."""
    return (files(__name__) / "prelude.drm").read_text(encoding="utf-8")
