"""What a reverse strategy cannot serve in a program, and why."""

from dataclasses import dataclass

from drmadc.compiler.passes.gradient_flow import gradient_flow
from drmadc.compiler.passes.kick_drift import kick_drift
from drmadc.compiler.passes.roles import each_step, over_steps, roles
from drmadc.compiler.passes.split_loss import split_loss
from drmadc.compiler.passes.strategy.cost import hyper_count, memory
from drmadc.ir.program import Program
from drmadc.ir.reverse import (
    Drmad,
    Exact,
    Flow,
    Forward,
    Implicit,
    Naive,
    OneStep,
    Published,
    Strategy,
    Truncated,
)
from drmadc_common.amounts import bytes_text

FORWARD_LIMIT = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Why a strategy cannot be used; `hyper` is the hyperparameter that it cannot serve, or empty."""

    hyper: str
    reason: str
    advice: str


def unsupported(program: Program, strategy: Strategy) -> Unsupported | None:
    """The first reason why a strategy cannot serve a program; None where it can."""
    match strategy:
        case Exact("reversible"):
            return _reversible(program)
        case Naive():
            form = kick_drift(program.step)
            return Unsupported("", form, "exact(checkpoint) serves every rule") if isinstance(form, str) else None
        case OneStep():
            return _initial(program, "looks at one step only")
        case Drmad(_, curvature, _, _) if curvature != "exact" and program.parts > 1:
            reason = "the Gauss-Newton matrix is made of the outputs for a whole minibatch"
            return Unsupported("", reason, "leave `accumulate` out, or write curvature: exact")
        case Drmad(_, curvature, _, steps):
            if curvature != "exact" and not split_loss(program).outputs:
                reason = "the Gauss-Newton matrix is made of a model's outputs, and the loss calls no model"
                return Unsupported("", reason, "write curvature: exact")
            names = [h.name for h in program.hypers if steps and each_step(program, h.name)]
            if names:
                reason = "a reverse step stands for several training steps, and cannot tell their entries apart"
                return Unsupported(names[0], reason, f"leave `steps` out, or declare `{names[0]}` over step(bins: n)")
            return None
        case Published():
            names = [h.name for h in program.hypers if roles(program, h.name) & {"rule", "state"}]
            reason = "the published procedure keeps no velocity, so it reaches what the loss mentions only"
            if names:
                return Unsupported(names[0], reason, "write drmad(knots: 2), the same line with every step")
            assert program.adjoint is not None
            if set(program.adjoint.before) | set(program.adjoint.after) != {"w"}:
                reason = f"the adjoint of `{program.step.rule}` reads optimiser state, which the published line lacks"
                return Unsupported("", reason, "write drmad(knots: 2), the same line with every step")
            return None
        case Truncated(steps):
            return None if steps >= program.steps else _initial(program, "does not reach the first step")
        case Implicit():
            for hyper in program.hypers:
                found = roles(program, hyper.name)
                if found & {"rule", "parameters", "state"} or over_steps(program, hyper.name):
                    reason = "it does not move the point at which training comes to rest"
                    return Unsupported(hyper.name, reason, "exact() or drmad(knots: 16) serve it")
            return None
        case Flow():
            return _flow(program)
        case Forward():
            need = memory(program, strategy)
            if need > FORWARD_LIMIT:
                reason = (
                    f"it carries a tangent of the whole state for each of {hyper_count(program)} hyperparameters, "
                    f"{bytes_text(need)}"
                )
                return Unsupported("", reason, "exact() serves any number of hyperparameters")
            return None
        case _:
            return None


def _initial(program: Program, why: str) -> Unsupported | None:
    for hyper in program.hypers:
        found = roles(program, hyper.name)
        if found and found <= {"parameters", "state"}:
            return Unsupported(
                hyper.name, f"it acts through initial values, and the strategy {why}", "exact() serves it"
            )
    return None


def _flow(program: Program) -> Unsupported | None:
    form = gradient_flow(program.step)
    if form is None:
        reason = f"the continuous adjoint is derived for sgd, heavy_ball and momentum, not for `{program.step.rule}`"
        return Unsupported("", reason, "drmad(knots: 16) serves every rule")
    for hyper in program.hypers:
        found = roles(program, hyper.name)
        if "state" in found or ("rule" in found and hyper.name not in form.rate_hypers):
            rate = " and the learning rate, nothing else in the rule" if form.rate_hypers else ""
            reason = f"the continuous adjoint serves what the loss mentions, initial parameters{rate}"
            return Unsupported(hyper.name, reason, "exact() or drmad(knots: 16) serve it")
        if "loss" in found and over_steps(program, hyper.name):
            reason = "a segment of the flow spans many steps, and the loss must be the same in all of them"
            return Unsupported(hyper.name, reason, "exact() or drmad(knots: 16) serve it")
    return None


def _reversible(program: Program) -> Unsupported | None:
    if program.precision != "float64":
        return Unsupported("", "64-bit fixed point needs float64 training", "set `precision = float64` in `train`")
    found = kick_drift(program.step)
    if isinstance(found, str):
        return Unsupported("", found, "exact(checkpoint) serves every rule")
    return None
