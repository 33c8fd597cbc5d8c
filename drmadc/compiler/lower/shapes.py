"""The shapes of what an emitted module's functions take, for the docstring at its head."""

from drmadc.compiler.lower.data import over_examples
from drmadc.compiler.lower.names import batch_key, key
from drmadc.ir.program import HyperParameter, Program
from drmadc.ir.types import Array


def shapes_text(program: Program) -> str:
    """Lines of a docstring: the arrays in hypers, params, state, batch and data, as JAX writes shapes."""
    states = ", ".join(["w", *(s.name for s in program.step.states)])
    lines = {
        "hypers": "; ".join(_hyper(h) for h in program.hypers),
        "params": ", ".join(f"{key(program, p.path)}{_shape(*p.full_shape)}" for p in program.parameters),
        "state": f"{states}, {'each ' if program.step.states else ''}shaped like params",
    }
    if program.batched:
        lines["batch"] = ", ".join(_batch(program))
    if program.data is not None:
        lead = (program.data.tasks,) if program.data.tasks else ()
        sizes = (f"{s.name}{_shape(*lead, program.data.size_of(s.name))}" for s in program.data.splits)
        statistics = "; statistics" if program.data.statistics else ""
        lines["data"] = f"raw fields of {', '.join(sizes)}{statistics}"
    lines["outer, t"] = "numbers of the outer step and of the training step"
    return "\n".join(f"    {name}: {text}" for name, text in lines.items())


def _shape(*sizes: int) -> str:
    return f"[{','.join(map(str, sizes))}]" if sizes else ""


def _hyper(hyper: HyperParameter) -> str:
    axes = ", ".join(str(axis) for axis in hyper.type.axes if axis.kind != "size")
    return f"{hyper.name}{_shape(*hyper.shape)}" + (f" over {axes}" if axes else "")


def _batch(program: Program) -> list[str]:
    size = program.batch or program.examples
    out: list[str] = []
    if program.data is not None and program.learned is None:
        lead = (program.data.tasks, size) if program.data.tasks else (size,)
        for let in program.data.features:
            assert isinstance(let.value.type, Array)
            out.append(f"{let.name}{_shape(*lead, *(a.size for a in let.value.type.axes if a.kind == 'size'))}")
    if over_examples(program):
        out.append(f"{batch_key(program, 'rows')}{_shape(size)}")
    if program.noisy:
        out.append(f"{batch_key(program, 'noise')}, a random key")
    return out
