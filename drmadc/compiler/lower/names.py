"""Python names for the user's names: kept as they are, unless they would collide."""

import keyword

from drmadc.ir.program import Program
from drmadc.ir.types import Axis

RESERVED = frozenset(
    {
        "jax",
        "jnp",
        "np",
        "rt",
        "params",
        "hypers",
        "free",
        "batch",
        "data",
        "raw",
        "outer",
        "policy",
        "state",
        "start",
        "training",
        "forward_step",
        "reverse_step_at",
        "gauss_newton_step_at",
        "fallback_step",
        "direction",
        "model_outputs",
        "loss_of_outputs",
        "loss_of_part",
        "outputs",
        "reverse_step_gauss_newton",
        "trajectory",
        "before",
        "after",
        "adjoint",
        "statistics",
        "fit",
        "fit_2",
        "fit_3",
        "fit_4",
        "key",
        "train",
        "valid",
        "test",
        "t",
        "w",
        "grad",
        "pull",
        "hessian_product",
        "features",
        "minibatch",
        "init",
        "loss",
        "objective",
        "step",
        "reverse_step",
        "reverse_init",
        "hypergradient",
        "report",
        "predict",
        "predict_inputs",
        "evaluation_inputs",
        "metrics",
        "images",
        "tune_step",
        "initial_hypers",
        "initial_tune_state",
        "result",
        "value",
        "rows",
        "noise",
        "arms",
        "on_train",
        "on_valid",
        "on_test",
        "sweep",
        "dict",
    }
)


def local(name: str) -> str:
    """A user's name as a Python variable; a trailing underscore where it would collide, so no two become one."""
    if name in RESERVED or keyword.iskeyword(name) or name.startswith(("d_", "mixed_")) or name.endswith("_"):
        return f"{name}_"
    return name


def step_name(name: str) -> str:
    """A name of an update rule or its adjoint as a Python variable.

    `v'` becomes `v_next`, the adjoint `d:v` becomes `d_v`, `mixed:l2` becomes `mixed_l2`.
    """
    head, colon, rest = name.partition(":")
    if colon:
        return f"{head}_{rest}"
    if name.endswith("'"):
        return f"{step_name(name[:-1])}_next"
    return name if name in ("w", "grad", "t") else local(name)


def hyper_name(program: Program, name: str) -> str:
    """A hyperparameter as a Python variable, apart from the names of the update rule."""
    taken = {step_name(e.name) for e in program.step.equations} | {s.name for s in program.step.states}
    return f"{local(name)}_" if local(name) in taken else local(name)


def key(program: Program, path: str) -> str:
    """A parameter's key in emitted dictionaries: without the model's name where there is one model only."""
    layers = {p.layer.partition(".")[0] for p in program.parameters}
    if len(layers) == 1 and "." in path:
        return path.partition(".")[2]
    return path


def constant(text: str) -> str:
    """A constant's name from words and paths."""
    return text.replace(".", "_").replace(" ", "_").upper()


def group_constant(program: Program, group: str) -> str:
    """The name of a group's table of shapes; `mlp.weights` is WEIGHTS where there is one model only."""
    return constant(key(program, group)) if group != "params" else "PARAMS"


def axis_constant(program: Program, axis: Axis, target: str) -> str:
    """The name of the table that lays an axis along a group."""
    name = f"{constant(axis.kind)}_OF_{group_constant(program, axis.group)}"
    same = program.group(axis.group).members == program.group(target).members
    return name if same else f"{name}_IN_{group_constant(program, target)}"


def batch_key(program: Program, name: str) -> str:
    """Where a minibatch keeps its rows or its noise, apart from its features."""
    taken = program.data is not None and any(let.name == name for let in program.data.features)
    return f"{name}_" if taken else name
