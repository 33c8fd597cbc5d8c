"""Exported penalties: the loss of the data alone, trained with the real optax and PyTorch, gives the run's losses."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.compiler.lower.exported.penalty import penalties
from drmadc_runtime.program.training_runs import first_state
from tests.conftest import compiled, names
from tests.unit.tools.test_export import curve, found, loaded

ROUND_TRIP = 1e-10
OUTER = 3
ONE_FOR_ALL = """
data mnist {
  source = mnist()
  x: real[784] = flatten(image) / 255
  y: class[10] = label
  split  = { train: 60, valid: 20 }
}
model mlp(x: real[784]) -> real[10] {
  h1 = tanh(dense(x, 6))
  return dense(h1, 10)
}
hyper l2: positive[step] = 0.02
hyper share: unit = 0.3
train {
  init      = { weights: normal(0.05), biases: normal(0.1) }
  loss      = cross_entropy(mlp(x), y) + l2 * (share * sum(mlp.weights ^ 2) + (1 - share) * sum(mlp.biases ^ 2) / 2)
  update    = heavy_ball(rate: 0.3, momentum: 0.8)
  batch     = 20
  steps     = 7
  precision = float64
}
tune {
  minimize = cross_entropy(mlp(x), y) + 0.01 * share on valid
  update   = sign(rate: 0.07)
  steps    = 1
}
"""
CONSTANT = ONE_FOR_ALL.replace("positive[step]", "positive")


def examples(program: drmadc.Program, t: Any) -> Any:
    """The minibatch of step t."""
    return names(program).minibatch(*program.executor.data(OUTER), OUTER, jnp.asarray(t, jnp.int32))


def data_loss(program: drmadc.Program, params: Any, t: Any) -> Any:
    """The loss of the data by itself, of a dictionary of parameters."""
    batch = examples(program, t)
    return rt.cross_entropy(names(program).mlp(params, batch["x"]), batch["y"])


def optax_losses(
    program: drmadc.Program, hypers: Any, module: ModuleType, rule: optax.GradientTransformation, in_loss: bool
) -> list[float]:
    """Losses, the penalty included, of training with an optax rule; `in_loss`: its gradient is that of the whole."""

    @jax.jit
    def step(params: Any, state: Any, t: jax.Array) -> tuple[jax.Array, Any, Any]:
        def whole(params: Any) -> Any:
            return data_loss(program, params, t) + module.penalty(params, t)

        grads = jax.grad(whole if in_loss else lambda params: data_loss(program, params, t))(params)
        updates, state = rule.update(grads, state, params)
        return whole(params), optax.apply_updates(params, updates), state

    losses = []
    with program.executor.precision():
        params = dict(first_state(program.executor, hypers, OUTER)["w"])
        state = rule.init(params)
        for t in range(program.ir.steps):
            loss, params, state = step(params, state, jnp.int32(t))
            losses.append(float(loss))
    return losses


@pytest.mark.parametrize(
    ("rule", "in_loss"),
    [
        (lambda module: optax.chain(module.decay(), module.optimizer()), False),
        (lambda module: optax.chain(module.decay(), optax.sgd(0.3 * 0.2, momentum=0.8)), False),
        (lambda module: optax.sgd(0.3 * 0.2, momentum=0.8), True),
    ],
    ids=["decay", "optax.sgd, decay", "optax.sgd, loss term"],
)
@pytest.mark.parametrize("text", ["", ONE_FOR_ALL], ids=["by input", "by step"])
def test_optax_reproduces_the_losses(
    rule: Callable[[ModuleType], optax.GradientTransformation], in_loss: bool, text: str, tmp_path: Path
) -> None:
    program = drmadc.compile_text(text, "all.drm") if text else compiled("l2_by_input")
    hypers = found(program)
    module = loaded(program, hypers, "optax", tmp_path)
    with program.executor.precision():
        losses = optax_losses(program, hypers, module, rule(module), in_loss)
        plain = optax_losses(program, hypers, module, optax.sgd(0.3 * 0.2, momentum=0.8), False)
    expected = curve(program, hypers)
    np.testing.assert_allclose(losses, expected, rtol=ROUND_TRIP)
    assert abs(plain[-1] / expected[-1] - 1) > 1e-6  # without the decay it is another training


def test_a_number_is_add_decayed_weights(tmp_path: Path) -> None:
    program = drmadc.compile_text(CONSTANT, "all.drm")
    hypers = found(program)
    module = loaded(program, hypers, "optax", tmp_path)
    with program.executor.precision():
        paths = [p.path.removeprefix("mlp.") for p in program.ir.parameters]
        groups = {
            path: optax.chain(
                optax.add_decayed_weights(float(module.weight_decay(path))), optax.sgd(0.3 * 0.2, momentum=0.8)
            )
            for path in paths
        }
        rule = optax.partition(groups, {path: path for path in paths})
        losses = optax_losses(program, hypers, module, rule, False)
    np.testing.assert_allclose(losses, curve(program, hypers), rtol=ROUND_TRIP)


def torch_losses(program: drmadc.Program, hypers: Any, module: ModuleType, how: str) -> list[float]:
    """Losses, the penalty included, of a PyTorch model on the same minibatches."""
    import torch

    model = torch.nn.Sequential()
    model.h1, model.out = torch.nn.Linear(784, 6), torch.nn.Linear(6, 10)
    model = model.double()
    with program.executor.precision():
        start = first_state(program.executor, hypers, OUTER)["w"]
        with torch.no_grad():
            for name, w in model.named_parameters():
                w.copy_(torch.from_numpy(np.array(start[name])).t())
        optimizer = {
            "decay": lambda: module.Optimizer(model, decay=True),
            "groups": lambda: torch.optim.SGD(module.param_groups(model), lr=0.3 * 0.2, momentum=0.8),
            "loss term": lambda: torch.optim.SGD(model.parameters(), lr=0.3 * 0.2, momentum=0.8),
        }[how]()
        losses = []
        for t in range(program.ir.steps):
            batch = examples(program, t)
            x, y = (torch.from_numpy(np.array(batch[name])) for name in ("x", "y"))
            loss = torch.nn.functional.cross_entropy(model.out(torch.tanh(model.h1(x))), y.long())
            whole = loss + module.penalty(model, t)
            losses.append(whole.item())
            optimizer.zero_grad()
            (whole if how == "loss term" else loss).backward()
            optimizer.step()
    return losses


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("decay", ""),
        ("loss term", ""),
        ("decay", ONE_FOR_ALL),
        ("groups", CONSTANT),
        ("loss term", ONE_FOR_ALL),
    ],
    ids=["decay by input", "loss term by input", "decay by step", "groups", "loss term by step"],
)
def test_torch_reproduces_the_losses(how: str, text: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    program = drmadc.compile_text(text, "all.drm") if text else compiled("l2_by_input")
    hypers = found(program)
    losses = torch_losses(program, hypers, loaded(program, hypers, "torch", tmp_path), how)
    np.testing.assert_allclose(losses, curve(program, hypers), rtol=ROUND_TRIP)


def test_torch_groups_take_one_number_a_parameter(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    program = compiled("l2_by_input")
    module = loaded(program, found(program), "torch", tmp_path)
    model = torch.nn.Sequential()
    model.h1, model.out = torch.nn.Linear(784, 6), torch.nn.Linear(6, 10)
    with pytest.raises(ValueError, match=r"the weight decay of h1\.weight differs between its entries"):
        module.param_groups(model)


def with_loss(terms: str) -> drmadc.Program:
    i, j = CONSTANT.index("  loss "), CONSTANT.index("  update")
    return drmadc.compile_text(f"{CONSTANT[:i]}  loss = cross_entropy(mlp(x), y) {terms}\n{CONSTANT[j:]}", "all.drm")


@pytest.mark.parametrize(
    ("terms", "carried", "complete", "decays"),
    [
        ("+ l2 * sum(abs(mlp.weights))", 1, True, False),
        ("+ l2 * sum((mlp.weights - 0.5) ^ 2) + sum(mlp.weights ^ 2)", 2, True, False),
        ("- l2 * sum(mlp.weights ^ 2 * share)", 1, True, True),
        ("+ sum(l2 * mlp.weights ^ 2 + mlp.weights ^ 2 / share)", 1, True, True),
        ("+ l2 * sqrt(sum(mlp.weights ^ 2) + share)", 0, False, True),
        ("+ l2 * share", 0, True, True),
    ],
)
def test_what_is_carried(terms: str, carried: int, complete: bool, decays: bool, tmp_path: Path) -> None:
    program = with_loss(terms)
    penalty = penalties(program.ir)
    assert (len(penalty.terms), penalty.complete) == (carried, complete)
    hypers = found(program)
    module = loaded(program, hypers, "optax", tmp_path)
    assert ("not carried" in str(module.__doc__)) == (not complete)
    with program.executor.precision():
        params = {k: 1 + jnp.abs(w) for k, w in first_state(program.executor, hypers, OUTER)["w"].items()}
        own = module.penalty(params)
        if complete and carried:
            data, emitted = program.executor.data(OUTER), program.emitted
            whole = emitted.training_loss(rt.Tree(params), program.executor.cast(hypers), OUTER, *data, 0)
            np.testing.assert_allclose(own, whole - data_loss(program, params, 0), rtol=1e-9)
        if not decays:
            with pytest.raises(ValueError, match="is not a weight decay; add `penalty` to the loss"):
                module.weight_decay("h1.weight")
        elif carried:
            gradient = jax.grad(module.penalty)(params)["h1.weight"]
            np.testing.assert_allclose(module.weight_decay("h1.weight") * params["h1.weight"], gradient, rtol=1e-12)
        assert float(jnp.sum(module.weight_decay("h1.bias"))) == 0
