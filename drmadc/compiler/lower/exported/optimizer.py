"""The update rule of a program as an optimiser of another library: optax or PyTorch, parameter by parameter.

A rule's equations hold element by element, so the same equations that `step` applies to trees are written here for one
array. Values of hyperparameters come from a file of arrays beside the module.
"""

from string import Template

from drmadc.compiler.lower.exported.leaf import leafwise
from drmadc.compiler.lower.exported.penalty import Penalties, penalties, penalty_functions
from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.compiler.lower.names import hyper_name, step_name
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.target import tree as py
from drmadc.target.printer import inline, print_statement


def rule_hypers(program: Program) -> tuple[str, ...]:
    """The hyperparameters that the update rule reads."""
    used = {h for let in program.step.equations for h in ir.hypers_in(let.value)}
    return tuple(h.name for h in program.hypers if h.name in used)


def optax_module(program: Program, values: str) -> str:
    """A module with `optimizer()`, an optax.GradientTransformation, and `schedule(name)`; `values` is the file beside.

    Raises:
        NotElementwise: the rule is not elementwise.
    """
    return _fill(_OPTAX, program, values, {"rt.sqrt": "jnp.sqrt"})


def torch_module(program: Program, values: str) -> str:
    """A module with `Optimizer`, a torch.optim.Optimizer, and `schedule(name)`; `values` is the file beside.

    Raises:
        NotElementwise: the rule is not elementwise.
    """
    return _fill(
        _TORCH, program, values, {"rt.sqrt": "torch.sqrt", "jnp.": "torch.", "jax.nn.": "torch.nn.functional."}
    )


def _fill(template: Template, program: Program, values: str, words: dict[str, str]) -> str:
    names = rule_hypers(program)
    found = penalties(program)
    functions, table = penalty_functions(program, found)
    code = [_leaf_step(program, names), *functions]
    text = "\n\n\n".join(map(print_statement, code))
    for old, new in words.items():
        text = text.replace(old, new)
    read = {*names, *(name for penalty in found.terms for name in penalty.hypers)}
    stepwise = [h.name for h in program.hypers if h.name in read and any(a.kind == "step" for a in h.type.axes)]
    states = [s.name for s in program.step.states]
    tables = {"HYPERS": names, "STEPWISE": stepwise, "STATES": states}
    lines = [f'VALUES = dict(np.load(Path(__file__).with_name("{values}")))']
    lines += [f"{table} = {inline(py.Tuple(tuple(map(py.Literal, entries))))}" for table, entries in tables.items()]
    rule_of_one = "\n".join([*lines, "", "", text, "", "", print_statement(py.Assign((py.Id("PENALTIES"),), table))])
    about = penalty_text(found)
    return template.substitute(name=program.name, rule=program.step.rule, rule_of_one=rule_of_one, penalty=about)


def penalty_text(found: Penalties) -> str:
    """What a module says of the penalties that it carries."""
    if not found.terms:
        carried = "The loss has no penalties that it carries; `penalty` is 0."
    elif all(penalty.decay is not None for penalty in found.terms):
        carried = "`penalty` is the loss's terms without data; `decay` adds their gradient, a weight decay by entry."
    else:
        carried = "`penalty` is the loss's terms without data; not all of them are a weight decay."
    return carried if found.complete else f"{carried}\nThe loss has other terms without data that are not carried."


def _leaf_step(program: Program, names: tuple[str, ...]) -> py.Function:
    """leaf_step(w, v, grad, t, rate): one step of the rule on one parameter."""
    scope = Scope(program, lambda node: py.Id(step_name(node.id)), dtype=None)
    states = [s.name for s in program.step.states]
    body: list[py.Statement] = [
        py.Assign((py.Id(step_name(let.name)),), lower(leafwise(let.value), scope)) for let in program.step.equations
    ]
    body.append(py.Return(py.Tuple(tuple(py.Id(f"{step_name(s)}_next") for s in ("w", *states)))))
    hypers = [hyper_name(program, n) for n in names]
    params = ["w", *map(step_name, states), "grad", "t", *hypers]
    doc = f"One step of {program.step.rule} on one parameter.\n\n" + program.step.text.replace("; ", "\n")
    return py.Function("leaf_step", tuple((p, None) for p in params), doc, tuple(body))


_OPTAX = Template('''"""The update rule of $name ($rule) with the hyperparameters that a run found, for optax.

Written by `drmadc export`; needs jax, numpy and optax, not drmadc. Parameters are a dictionary of arrays by path, as in
the exported model; each parameter has its own hyperparameters.

$penalty
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


def hypers_of(names, path, t):
    """These hyperparameters at step t, for one parameter."""
    out = []
    for name in names:
        key = f"{name}/{path}" if f"{name}/{path}" in VALUES else name
        out.append(schedule(key)(t) if name in STEPWISE else jnp.asarray(VALUES[key]))
    return out


def penalty(params, t=0):
    """What is added to the loss of the data at step t."""
    total = jnp.zeros(())
    for penalty_of, _, names, paths in PENALTIES:
        for path in paths:
            total += jnp.sum(penalty_of(params[path], *hypers_of(names, path, t)))
    return total


def weight_decay(path, t=0):
    """What multiplies a parameter in the gradient of `penalty`, shaped to broadcast against it: 2 c for c w^2."""
    total = jnp.zeros(())
    for _, decay_of, names, paths in PENALTIES:
        if path in paths:
            if decay_of is None:
                raise ValueError(f"a penalty on {path} is not a weight decay; add `penalty` to the loss")
            total = total + decay_of(*hypers_of(names, path, t))
    return total


def decay():
    """Adds the gradient of `penalty` to that of the data: optax.chain(decay(), optimizer()), or before another rule."""

    def update(grads, state, params):
        decayed = {path: grads[path] + weight_decay(path, state) * w for path, w in params.items()}
        return decayed, state + 1

    return optax.GradientTransformation(lambda params: jnp.zeros((), jnp.int32), update)


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
            w_next, *rest = leaf_step(w, *before, grads[path], t, *hypers_of(HYPERS, path, t))
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

$penalty
"""

from pathlib import Path

import numpy as np
import torch

$rule_of_one


def schedule(name):
    """A hyperparameter (NAME, or NAME/PARAMETER) by training step, as a function of the step; the last value stays."""
    values = VALUES[name]
    return lambda count: values[min(count, len(values) - 1)]


def hypers_of(names, path, w, t):
    """These hyperparameters at step t, for one parameter."""
    out = []
    for name in names:
        key = f"{name}/{path}" if f"{name}/{path}" in VALUES else name
        value = schedule(key)(t) if name in STEPWISE else VALUES[key]
        value = torch.as_tensor(np.asarray(value), dtype=w.dtype, device=w.device)
        out.append(value.t() if value.ndim == 2 else value)
    return out


def penalty(model, t=0):
    """What is added to the loss of the data at step t."""
    params = dict(model.named_parameters())
    terms = [
        penalty_of(params[path], *hypers_of(names, path, params[path], t)).sum()
        for penalty_of, _, names, paths in PENALTIES
        for path in paths
    ]
    return sum(terms) if terms else 0.0


def weight_decay(path, w, t=0):
    """What multiplies the parameter w in the gradient of `penalty`, shaped to broadcast against it: 2 c for c w^2."""
    total = torch.zeros((), dtype=w.dtype, device=w.device)
    for _, decay_of, names, paths in PENALTIES:
        if path in paths:
            if decay_of is None:
                raise ValueError(f"a penalty on {path} is not a weight decay; add `penalty` to the loss")
            total = total + decay_of(*hypers_of(names, path, w, t))
    return total


def param_groups(model):
    """For an optimiser of torch.optim that adds weight_decay * w to the gradient, as SGD and Adam do (AdamW does not).

    Raises:
        ValueError: a decay is not the same for a whole parameter; use `penalty`, or `Optimizer` with `decay=True`.
    """
    groups = []
    for path, w in model.named_parameters():
        decay = weight_decay(path, w)
        if decay.numel() > 1 and bool((decay != decay.flatten()[0]).any()):
            raise ValueError(f"the weight decay of {path} differs between its entries")
        groups.append({"params": [w], "weight_decay": decay.flatten()[0].item()})
    return groups


class Optimizer(torch.optim.Optimizer):
    """The rule as a torch.optim.Optimizer, one group for each parameter of a module.

    With `decay`, it adds the gradient of `penalty` to that of the data, whose loss is then without it.
    """

    def __init__(self, model, decay=False):
        super().__init__([{"params": [w], "name": name} for name, w in model.named_parameters()], {})
        self.decay = decay

    def _value(self, key, w):
        return torch.as_tensor(np.asarray(VALUES[key]), dtype=w.dtype, device=w.device).t()

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
            grad = w.grad + weight_decay(group["name"], w, t) * w if self.decay else w.grad
            at = torch.tensor(float(t), dtype=w.dtype, device=w.device)
            w_next, *rest = leaf_step(w, *before, grad, at, *hypers_of(HYPERS, group["name"], w, t))
            w.copy_(w_next)
            for s, value in zip(STATES, rest, strict=True):
                state[s] = value
            state["t"] = t + 1
        return loss
''')
