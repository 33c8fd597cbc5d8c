"""Group axes: a hyperparameter laid along parameters, and the transpose."""

import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt


@pytest.mark.parametrize(
    "entries",
    [
        {"w": rt.At(0, (3, 1)), "b": rt.At(3, ())},
        {"w": rt.At(0, (1, 2)), "b": rt.At(0, (2,))},
        {"w": rt.At(0, ()), "b": rt.At(1, ())},
        {"w": rt.At(0, ()), "b": rt.At(0, ())},
        {"w": rt.At(2, (3, 2)), "b": rt.At(0, (2,))},
        {"w": rt.At(4, ()), "b": rt.At(1, (2,))},
    ],
)
def test_unbroadcast_is_the_transpose_of_broadcast(entries: dict[str, rt.At]) -> None:
    layout = rt.Layout(8, entries)
    draws = np.random.default_rng(0)
    values = jnp.asarray(draws.normal(size=layout.length))
    tree = rt.Tree({"w": jnp.asarray(draws.normal(size=(3, 2))), "b": jnp.asarray(draws.normal(size=2))})
    left = float(rt.tree_sum(rt.broadcast(values, layout) * tree))
    right = float(jnp.vdot(values, rt.unbroadcast(tree, layout)))
    assert left == pytest.approx(right, rel=1e-5)
