"""Every layer of the table: its code computes a result of its shape rule, from parameters of its own shapes."""

import jax.numpy as jnp
import numpy as np
import pytest

from drmadc.compiler.lower.expressions import Scope
from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array, sizes
from drmadc.language.layers.layer import Settings, Shape, Work
from drmadc.language.registry import LAYERS
from drmadc.target import tree as py
from drmadc.target.printer import inline
from tests.conftest import compiled

EXAMPLES: dict[str, tuple[tuple[Shape, ...], Settings, Shape, Work]] = {
    "dense": (((3,),), (("units", 4),), (4,), Work(products=12, elements=4)),
}


def layer_node(kind: str) -> ir.Layer:
    inputs, settings, result, _ = EXAMPLES[kind]
    args = tuple(ir.Name(f"x{i}", Array("real", (EXAMPLE, *sizes(*shape)))) for i, shape in enumerate(inputs))
    return ir.Layer(kind, args, "net.h", Array("real", (EXAMPLE, *sizes(*result))), settings)


def test_every_layer_has_an_example() -> None:
    assert set(EXAMPLES) == set(LAYERS)


@pytest.mark.parametrize("kind", LAYERS)
def test_shape_and_work_are_those_of_the_example(kind: str) -> None:
    inputs, settings, result, work = EXAMPLES[kind]
    assert LAYERS[kind].shape(inputs, settings) == result
    assert LAYERS[kind].work(layer_node(kind)) == work


@pytest.mark.parametrize("kind", LAYERS)
def test_code_computes_the_declared_shape_from_the_declared_parameters(kind: str) -> None:
    layer, (inputs, settings, result, _), node = LAYERS[kind], EXAMPLES[kind], layer_node(kind)
    random = np.random.default_rng(0)
    shapes = {f"net.h.{p.name}": p.shape for p in layer.parameters(inputs, settings)}
    params = {path: jnp.asarray(random.normal(size=shape)) for path, shape in shapes.items()}
    scope = Scope(compiled("units").ir, lambda name: py.Id(name.id))
    code = inline(layer.emit(node, tuple(py.Id(f"x{i}") for i in range(len(inputs))), scope))
    short = {path.removeprefix("net."): array for path, array in params.items()}
    values = {f"x{i}": jnp.asarray(random.normal(size=(5, *shape))) for i, shape in enumerate(inputs)}
    computed = eval(code, {"jnp": jnp, "params": {**params, **short}, **values})
    assert computed.shape == (5, *result)
    assert all(f'"{path}"' in code or f'"{path.removeprefix("net.")}"' in code for path in params)
