"""Mutation testing: change one operator, constant or argument of a module, and see whether its unit tests notice.

    python tests/mutation.py [--count 20] [--seed 0] [--tests FILE]... MODULE.py ...

The tests of `drmadc/a/b.py` and `runtime/drmadc_runtime/a/b.py` are `tests/unit/a/test_b.py` and
`tests/unit/runtime/a/test_b.py`. Each mutant runs in a fork of this process, which has imported JAX; the first failing
test ends it. A mutant that takes much longer than the module does counts as noticed. Mutants that survive are printed.
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
PAIRS = [(ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.LShift, ast.RShift), (ast.BitAnd, ast.BitOr), (ast.And, ast.Or)]
PAIRS += [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)]
SWAPS: dict[type, type] = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
SWAPS |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitXor: ast.BitAnd}
NAMES = {"minimum": "maximum", "min": "max", "sin": "cos", "sum": "mean", "zeros": "ones", "zeros_like": "ones_like"}
NAMES |= {new: old for old, new in NAMES.items()}
SKIPPED = {"annotation", "returns", "decorator_list", "msg", "exc"}
PYTEST = ["-xq", "-p", "no:cacheprovider", "-m", "not long", "-W", "ignore::pytest.PytestAssertRewriteWarning"]


def sites(node: ast.AST) -> Iterator[tuple[Any, str]]:
    """Every change, in the order of the text: the node, and what is changed of it."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield node, "operator"
        case ast.UnaryOp(op=ast.USub()):
            yield node, "sign"
        case ast.Constant(value=bool() | int() | float()):
            yield node, "constant"
        case ast.IfExp():
            yield node, "branches"
        case ast.Attribute(attr=name) if name in NAMES:
            yield node, "name"
        case ast.Call(args=[first, second, *_]) if not {type(first), type(second)} & {ast.Starred}:
            yield node, "arguments"
    if isinstance(node, ast.Call) and node.keywords:
        yield node, "keyword"
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            alias = isinstance(node, ast.Module) and isinstance(child, ast.Assign) and "|" in ast.unparse(child)
            if isinstance(child, ast.AST) and name not in SKIPPED and not alias:
                yield from sites(child)


def change(node: Any, kind: str) -> str:
    """Change a node in place; the change in words."""
    before = ast.unparse(node)
    match kind:
        case "operator" if isinstance(node, ast.Compare):
            node.ops = [SWAPS[type(node.ops[0])]()]
        case "operator":
            node.op = SWAPS[type(node.op)]()
        case "sign":
            node.op = ast.UAdd()
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
    return f"{before}  ->  {ast.unparse(node)}"


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed tree."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path, self.code = path, compile(ast.fix_missing_locations(tree), str(path), "exec")
        parts = path.with_suffix("").parts
        self.name = ".".join(parts[1:] if parts[0] == "runtime" else parts)

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def exec_module(self, module: Any) -> None:
        exec(self.code, module.__dict__)


def passes(path: Path, tree: ast.Module, tests: list[str], limit: float) -> bool:
    """Whether the tests pass with the module replaced, within a time limit."""
    with tempfile.TemporaryDirectory() as cache:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            numba.config.CACHE_DIR = cache  # kernels that call changed ones are compiled again
            sys.meta_path.insert(0, Loader(path, tree))
            os._exit(pytest.main([*PYTEST, *tests]))
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.05)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False


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
        folders = [part for part in path.parts[:-1] if not part.startswith("drmadc")]
        tests = options.tests or [str(Path("tests/unit", *folders, f"test_{path.name}"))]
        tree, start = ast.parse(path.read_text()), time.monotonic()
        if not passes(path, tree, tests, 600):
            print(f"{path}: {' '.join(tests)} fail without any change", flush=True)
            continue
        limit, number = 3 * (time.monotonic() - start) + 20, len(list(sites(tree)))
        chosen = random.Random(options.seed).sample(range(number), number)[: options.count]
        noticed = 0
        for place in sorted(chosen):
            mutant = copy.deepcopy(tree)
            node, kind = list(sites(mutant))[place]
            words = change(node, kind)
            survived = passes(path, mutant, tests, limit)
            noticed += not survived
            if survived:
                print(f"  survived  {path.name}:{node.lineno}  {words}", flush=True)
        print(f"{path}: {noticed} of {len(chosen)} noticed, of {number} possible", flush=True)


if __name__ == "__main__":
    main()
