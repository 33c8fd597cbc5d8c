"""The parser that Lark makes of the grammar, kept in the user's cache: making its tables takes longer than `check`."""

import hashlib
import io
import pickle
import sys
from functools import cache

import lark

from drmadc.syntax import ast
from drmadc_common.atomic import write_whole
from drmadc_common.cache_home import cache_home
from drmadc_grammar import grammar_text

STARTS = (*(f"{keyword}_decl" for keyword in ast.KEYWORDS), "expr")


@cache
def parser() -> lark.Lark:
    """The parser of declarations and expressions, from the cache where its tables are those of this grammar."""
    text = grammar_text()
    key = "\n".join((text, *STARTS, lark.__version__, sys.version))
    file = cache_home() / f"grammar-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pickle"
    try:
        with file.open("rb") as tables:
            return lark.Lark.load(tables)
    except (OSError, EOFError, pickle.UnpicklingError, ValueError, LookupError, TypeError, AttributeError):
        made = lark.Lark(text, parser="lalr", start=list(STARTS), propagate_positions=True, maybe_placeholders=True)
    written = io.BytesIO()
    made.save(written)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, written.getvalue())
    except OSError:
        pass  # a home that cannot be written: the tables are made each time
    return made
