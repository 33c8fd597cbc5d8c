"""The layers of a hyperparameter: every entry of its axis belongs to the layer that it acts on."""

import drmadc
from drmadc.compiler.passes.parts import layer_parts

TEXT = """
params u: real[2, 3] = 0.1
params w: real[2] = 0.2
hyper entry: positive[weight of params] = 0.3
hyper row: positive[layer of params] = 0.2
hyper rate: positive[step] = 0.1
hyper shift: real[4] = 0
hyper one: positive = 1
train { loss = sum(entry * params ^ 2) + sum(row * params ^ 2) + one * sum(w)  update = sgd(rate: rate)  steps = 3 }
tune { minimize = sum(w ^ 2) + sum(shift ^ 2)  update = sgd(rate: 0.1)  steps = 1 }
"""


def test_entries_by_layer() -> None:
    program = drmadc.compile_text(TEXT).ir
    assert layer_parts(program, "entry") == {"u": [0, 1, 2, 3, 4, 5], "w": [6, 7]}
    assert layer_parts(program, "row") == {"u": [0], "w": [1]}


def test_hyperparameters_without_a_group_axis_have_no_layers() -> None:
    program = drmadc.compile_text(TEXT).ir
    assert [layer_parts(program, name) for name in ("rate", "shift", "one")] == [{}, {}, {}]
