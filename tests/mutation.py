"""Mutation testing: change one operator, constant or argument of a module, and see whether its unit tests notice.

    python tests/mutation.py [--count 20] [--seed 0] [--tests FILE]... MODULE.py ...

The tests of `drmadc/a/b.py` and `runtime/drmadc_runtime/a/b.py` are `tests/unit/a/test_b.py` and
`tests/unit/runtime/a/test_b.py`. Each mutant runs in a fork of this process, which has imported JAX, with a compilation
cache of its own for Numba; the first failing test ends it. A mutant that takes much longer than the module does counts
as noticed. Ends with the number of mutants noticed for each module; names each of the others.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jax  # noqa: F401  imported once, for all forks
import numba
import pytest

ROOT = Path(__file__).parent.parent
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitXor: ast.BitAnd},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And, ast.Lt: ast.LtE},
    **{ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
NAMES = {"minimum": "maximum", "min": "max", "sin": "cos", "sum": "mean", "zeros": "ones", "zeros_like": "ones_like"}
NAMES |= {new: old for old, new in NAMES.items()}
IGNORED = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is imported before pytest starts
SKIPPED = {"annotation", "returns", "decorator_list", "type_params", "msg", "exc"}


def sites(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every change: the node that is changed, in the order of the text, and which of its changes."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in SWAPS:
            yield node, "operator"
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield node, "comparison"
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield node, "sign"
        case ast.Constant(value=bool() | int() | float()):
            yield node, "constant"
        case ast.IfExp():
            yield node, "branches"
        case ast.Attribute(attr=name) if name in NAMES:
            yield node, "name"
        case ast.Call(args=[first, second, *_]) if not isinstance(first, ast.Starred) and not isinstance(
            second, ast.Starred
        ):
            yield node, "arguments"
    if isinstance(node, ast.Call) and node.keywords:
        yield node, "keyword"
    for name, value in ast.iter_fields(node):
        if name in SKIPPED or (isinstance(node, ast.Module) and isinstance(value, ast.Import)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_type(child):
                yield from sites(child)


def _is_type(node: ast.AST) -> bool:
    """Whether a statement only names a type: `Bound = jax.Array | int`."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr)


def changed(node: Any, kind: str) -> str:
    """Change a node in place; the change in words."""
    before = ast.unparse(node)
    match kind:
        case "operator":
            node.op = SWAPS[type(node.op)]()
        case "comparison":
            node.ops = [SWAPS[type(node.ops[0])]()]
        case "sign":
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            node.operand = node.operand if isinstance(node.op, ast.UAdd) else ast.UnaryOp(ast.Not(), node.operand)
        case "constant":
            node.value = not node.value if isinstance(node.value, bool) else node.value + 1
        case "branches":
            node.body, node.orelse = node.orelse, node.body
        case "name":
            node.attr = NAMES[node.attr]
        case "arguments":
            node.args[:2] = node.args[1::-1]
        case "keyword":
            del node.keywords[-1]
    ast.fix_missing_locations(node)
    return f"{before}  ->  {ast.unparse(node)}"


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Loads one module from a changed tree."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path, self.tree = path, tree
        parts = path.resolve().relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts[1:] if parts[0] == "runtime" else parts)

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        found = importlib.util.spec_from_file_location(name, self.path, loader=self)
        return found if name == self.name else None

    def get_filename(self, name: str) -> str:
        return str(self.path)

    def get_data(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def get_code(self, name: str) -> Any:
        return compile(self.tree, str(self.path), "exec")


def passes(path: Path, tree: ast.Module, tests: list[str], limit: float) -> bool:
    """Whether the tests pass with the module replaced, within a time limit."""
    with tempfile.TemporaryDirectory() as cache:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(os.environ.get("MUTATION_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
            os.dup2(1, 2)
            numba.config.CACHE_DIR = cache
            sys.meta_path.insert(0, Mutated(path, tree))
            os._exit(pytest.main(["-xq", "-p", "no:cacheprovider", "-m", "not long", *IGNORED, *tests]))
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.05)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False


def tests_of(path: Path) -> str:
    """The unit tests of a module."""
    parts = path.resolve().relative_to(ROOT).with_suffix("").parts
    return str(Path("tests/unit", *(p for p in parts[:-1] if not p.startswith("drmadc")), f"test_{parts[-1]}.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=20, help="mutants of each module, chosen by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", action="append", help="tests to run in place of the module's own")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "grammar"), str(ROOT / "runtime")]
    hypothesis.settings.register_profile("mutation", database=None, derandomize=True)
    hypothesis.settings.load_profile("mutation")
    for path in options.modules:
        tests = options.tests or [tests_of(path)]
        tree = ast.parse(path.read_text())
        start = time.monotonic()
        if not passes(path, tree, tests, 600):
            print(f"{path}: {' '.join(tests)} fail without any change", flush=True)
            continue
        limit = 3 * (time.monotonic() - start) + 20
        number = len(list(sites(tree)))
        chosen = sorted(random.Random(options.seed).sample(range(number), number)[: options.count])
        noticed = 0
        for place in chosen:
            mutant = copy.deepcopy(tree)
            node, kind = list(sites(mutant))[place]
            change = changed(node, kind)
            if passes(path, mutant, tests, limit):
                print(f"  survived  {path.name}:{node.lineno}  {change}", flush=True)
            else:
                noticed += 1
        print(f"{path}: {noticed} of {len(chosen)} (of {number} places)", flush=True)


if __name__ == "__main__":
    main()
