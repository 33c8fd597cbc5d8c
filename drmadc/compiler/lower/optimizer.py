"""The update rule of a program as an optimiser of another library: optax or PyTorch, parameter by parameter.

A rule's equations hold element by element, so the same equations that `step` applies to trees are written here for one
array. Values of hyperparameters come from a file of arrays beside the module.
"""

from dataclasses import replace
from string import Template

from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.compiler.lower.names import hyper_name, step_name
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Program
from drmadc.ir.types import SCALAR, Tree
from drmadc.target import tree as py
from drmadc.target.printer import inline, print_statement


class NotElementwise(ValueError):
    """A rule that mixes the elements of arrays."""


def rule_hypers(program: Program) -> tuple[str, ...]:
    """The hyperparameters that the update rule reads."""
    used = {h for let in program.step.equations for h in ir.hypers_in(let.value)}
    return tuple(h.name for h in program.hypers if h.name in used)


def optax_module(program: Program, values: str) -> str:
    """A module with `optimizer()`, an optax.GradientTransformation, and `schedule(name)`; `values` is the file beside.

    Raises:
        NotElementwise: the rule is not elementwise.
    """
    return _fill(_OPTAX, program, values, {})


def torch_module(program: Program, values: str) -> str:
    """A module with `Optimizer`, a torch.optim.Optimizer, and `schedule(name)`; `values` is the file beside.

    Raises:
        NotElementwise: the rule is not elementwise.
    """
    return _fill(_TORCH, program, values, {"jnp.": "torch.", "jax.nn.": "torch.nn.functional."})


def _fill(template: Template, program: Program, values: str, words: dict[str, str]) -> str:
    names = rule_hypers(program)
    text = print_statement(_leaf_step(program, names))
    for old, new in words.items():
        text = text.replace(old, new)
    stepwise = [n for n in names if any(a.kind == "step" for a in program.hyper(n).type.axes)]
    states = [s.name for s in program.step.states]
    tables = {"HYPERS": names, "STEPWISE": stepwise, "STATES": states}
    lines = [f'VALUES = dict(np.load(Path(__file__).with_name("{values}")))']
    lines += [f"{table} = {inline(py.Tuple(tuple(map(py.Literal, entries))))}" for table, entries in tables.items()]
    rule_of_one = "\n".join([*lines, "", "", text])
    return template.substitute(name=program.name, rule=program.step.rule, rule_of_one=rule_of_one)


def _leaf_step(program: Program, names: tuple[str, ...]) -> py.Function:
    """leaf_step(w, v, grad, t, rate): one step of the rule on one parameter."""
    scope = Scope(program, lambda node: py.Id(step_name(node.id)), dtype=None)
    states = [s.name for s in program.step.states]
    body: list[py.Statement] = [
        py.Assign((py.Id(step_name(let.name)),), lower(rewrite(let.value, _leaf), scope))
        for let in program.step.equations
    ]
    body.append(py.Return(py.Tuple(tuple(py.Id(f"{step_name(s)}_next") for s in ("w", *states)))))
    hypers = [hyper_name(program, n) for n in names]
    params = ["w", *map(step_name, states), "grad", "t", *hypers]
    doc = f"One step of {program.step.rule} on one parameter.\n\n" + program.step.text.replace("; ", "\n")
    return py.Function("leaf_step", tuple((p, None) for p in params), doc, tuple(body))


def _leaf(node: ir.Expr) -> ir.Expr:
    """A node of a rule as it applies to one parameter."""
    match node:
        case ir.Broadcast(x):
            return x
        case ir.Name() | ir.Unary() | ir.Binary():
            return replace(node, type=SCALAR) if isinstance(node.type, Tree) else node
        case ir.Const() | ir.Hyper():
            return node
        case _:
            raise NotElementwise(type(node).__name__)


_OPTAX = Template('''"""The update rule of $name ($rule) with the hyperparameters that a run found, for optax.

Written by `drmadc export`; needs jax, numpy and optax, not drmadc. Parameters are a dictionary of arrays by path, as in
the exported model; each parameter has its own hyperparameters.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax

$rule_of_one


def schedule(name):
    """A hyperparameter (NAME, or NAME/PARAMETER) by training step, as an optax schedule; the last value stays."""
    values = jnp.asarray(VALUES[name])
    return lambda count: values[jnp.minimum(count, len(values) - 1)]


def hypers_of(path, t):
    """What the rule reads at step t for one parameter."""
    out = []
    for name in HYPERS:
        key = f"{name}/{path}" if f"{name}/{path}" in VALUES else name
        out.append(schedule(key)(t) if name in STEPWISE else jnp.asarray(VALUES[key]))
    return out


def optimizer():
    """The rule as an optax.GradientTransformation."""

    def init(params):
        zeros = {path: jnp.zeros_like(w) for path, w in params.items()}
        starts = {s: {path: VALUES.get(f"initial {s}/{path}", z) + z for path, z in zeros.items()} for s in STATES}
        return {"t": jnp.zeros((), jnp.int32), **starts}

    def update(grads, state, params):
        t, updates = state["t"], {}
        after = {s: {} for s in STATES}
        for path, w in params.items():
            before = [state[s][path] for s in STATES]
            w_next, *rest = leaf_step(w, *before, grads[path], t, *hypers_of(path, t))
            updates[path] = w_next - w
            for s, value in zip(STATES, rest, strict=True):
                after[s][path] = value
        return updates, {"t": t + 1, **after}

    return optax.GradientTransformation(init, update)
''')

_TORCH = Template('''"""The update rule of $name ($rule) with the hyperparameters that a run found, for PyTorch.

Written by `drmadc export`; needs numpy and torch, not drmadc. `Optimizer(model)` takes a torch.nn.Module whose
parameters have the exported names, such as h1.weight and h1.bias; weights of torch.nn.Linear are [out, in], so what
belongs to them is transposed here.
"""

from pathlib import Path

import numpy as np
import torch

$rule_of_one


def schedule(name):
    """A hyperparameter (NAME, or NAME/PARAMETER) by training step, as a function of the step; the last value stays."""
    values = VALUES[name]
    return lambda count: values[min(count, len(values) - 1)]


class Optimizer(torch.optim.Optimizer):
    """The rule as a torch.optim.Optimizer, one group for each parameter of a module."""

    def __init__(self, model):
        super().__init__([{"params": [w], "name": name} for name, w in model.named_parameters()], {})

    def _value(self, key, w):
        return torch.as_tensor(np.asarray(VALUES[key]), dtype=w.dtype, device=w.device).t()

    def _hypers(self, path, w, t):
        out = []
        for name in HYPERS:
            key = f"{name}/{path}" if f"{name}/{path}" in VALUES else name
            value = schedule(key)(t) if name in STEPWISE else VALUES[key]
            value = torch.as_tensor(np.asarray(value), dtype=w.dtype, device=w.device)
            out.append(value.t() if value.ndim == 2 else value)
        return out

    @torch.no_grad()
    def step(self, closure=None):
        """One step of the rule."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (w,) = group["params"]
            state = self.state[w]
            if not state:
                state["t"] = 0
                for s in STATES:
                    key = f"initial {s}/{group['name']}"
                    state[s] = self._value(key, w) if key in VALUES else torch.zeros_like(w)
            t = state["t"]
            before = [state[s] for s in STATES]
            at = torch.tensor(float(t), dtype=w.dtype, device=w.device)
            w_next, *rest = leaf_step(w, *before, w.grad, at, *self._hypers(group["name"], w, t))
            w.copy_(w_next)
            for s, value in zip(STATES, rest, strict=True):
                state[s] = value
            state["t"] = t + 1
        return loss
''')
