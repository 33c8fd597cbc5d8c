"""What strategies that run steps backwards share: the kick and the drift of a step, and the forward pass over them."""

from collections.abc import Callable

from drmadc.ir import nodes as ir
from drmadc.ir.program import Let
from drmadc.language.strategies.emission import Emission
from drmadc.language.strategies.facts import Facts, Unsupported
from drmadc.target import tree as py
from drmadc.target.build import call


def irreversible(facts: Facts) -> Unsupported | None:
    """Why the steps of a program cannot be run backwards; None where they can."""
    form = facts.kick_drift
    return Unsupported("", form, "use exact(checkpoint), which supports every rule") if isinstance(form, str) else None


def kick_drift_functions(emit: Emission) -> list[py.Statement]:
    """kick(w, hypers, batch, t) and drift(after, hypers, t)"""
    form, rule = emit.facts.kick_drift, emit.program.step.rule
    assert not isinstance(form, str)
    equations = "\n".join(f"{let.name}' = decay * {let.name} + kick" for let in form.kicks)
    kick = emit.step_function(
        "kick",
        f"Decay and kick of each state of {rule}.\n\n{equations}",
        tuple(let.value for let in (*form.decays, *form.kicks)),
        lambda lower: py.Tuple((_table(form.decays, lower), _table(form.kicks, lower))),
        first=("w",),
        local=form.kick_locals,
        loss=True,
    )
    drift = emit.step_function(
        "drift",
        "How the new states move the parameters.\n\nw' = w + drift",
        (form.drift,),
        lambda lower: lower(form.drift),
        first=("after",),
        local=form.drift_locals,
    )
    return [kick, drift]


def _table(lets: tuple[Let, ...], lower: Callable[[ir.Expr], py.Expr]) -> py.Expr:
    return py.Dict(tuple((py.Literal(let.name), lower(let.value)) for let in lets))


def kick_drift_pass(emit: Emission, function: str, *, keep: bool) -> list[py.Statement]:
    """state, trajectory = rt.reversible_forward_pass(kick, drift, start, STEPS, policy)"""
    kick = py.Lambda(("w", "t"), call("kick", py.Id("w"), py.Id("hypers"), *emit.minibatch(), py.Id("t")))
    drift = py.Lambda(("after", "t"), call("drift", py.Id("after"), py.Id("hypers"), py.Id("t")))
    policy = py.Id("policy" if keep else "SAVE_POLICY")
    run = call(function, kick, drift, py.Id("start"), py.Id("STEPS"), policy)
    begin = emit.start() if keep else emit.start("_")
    return [begin, py.Assign((py.Id("state"), py.Id("trajectory" if keep else "_")), run)]
