"""The shapes at the head of a module are those of its arrays."""

from typing import Any

import jax
import pytest

from tests.conftest import compiled


@pytest.mark.parametrize("case", ["adam_all", "learned", "regression", "stages", "tasks"])
def test_shapes_in_the_docstring_are_those_of_the_arrays(case: str) -> None:
    text = compiled(case).python
    module: dict[str, Any] = {"__name__": case}
    exec(text, module)
    with jax.enable_x64(True):
        hypers = jax.eval_shape(module["initial_hypers"])
        params = jax.eval_shape(module["init"], hypers, 0)
    entries: dict[str, str] = {}
    for line in text.split('"""')[1].replace("\n        ", " ").splitlines():
        name, colon, entry = line.strip().partition(": ")
        entries[name] = entry if colon else ""
    named = {name: f"{name}[{','.join(map(str, x.shape))}]" if x.shape else name for name, x in hypers.items()}
    found = [entry.split(" over ")[0] for entry in entries["hypers"].split("; ")]
    assert found == [named[name] for name in compiled(case).hypers]
    assert set(entries["params"].split(", ")) == {f"{n}[{','.join(map(str, x.shape))}]" for n, x in params.items()}
