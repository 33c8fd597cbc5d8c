"""Derives the adjoint of one training step from its update equations, and of the initial state."""

from dataclasses import replace

from drmadc.compiler.passes.dependence import function_hypers
from drmadc.compiler.passes.differentiate import Adjoints, accumulated, pull
from drmadc.ir import nodes as ir
from drmadc.ir.build import add, broadcast, mul
from drmadc.ir.program import ALL, Adjoint, Let, Program, Pull, State, Step
from drmadc.ir.types import Array, Tree, Type, without_step
from drmadc.language.registry import CALLS

ZERO = ir.Const(0.0)
PARAMETERS = Tree(ALL)


def adjoint(program: Program) -> Program:
    """Add the adjoint of the step: Maclaurin et al. 2015, algorithm 2, for any update rule.

    Equations are taken in reverse. The adjoint of each target is pulled back through its equation; what reaches
    `grad` becomes the cotangent of the one joint vector-Jacobian product of the loss gradient; what reaches `w`,
    the states and the hyperparameters is collected.
    """
    return replace(program, adjoint=_derive(program))


def _derive(program: Program) -> Adjoint:
    step = program.step
    loss_hypers = function_hypers(program, program.loss)
    leaves = {"w", "grad", *(s.name for s in step.states)}
    found: Adjoints = {}
    for name in ("w", *(s.name for s in step.states)):
        found["name", f"{name}'"] = ir.Name(f"d:{name}", PARAMETERS)

    def active(node: ir.Expr) -> bool:
        return isinstance(node, ir.Hyper) or (isinstance(node, ir.Name) and node.id in leaves)

    for equation in step.equations:  # a target of numbers and the step only has no adjoint
        if any(active(node) for node in ir.walk(equation.value)):
            leaves.add(equation.name)
    statements: list[Let] = []
    for equation in reversed(step.equations):
        seed = accumulated(found, ("name", equation.name))
        if seed == ZERO:
            continue
        if not isinstance(seed, ir.Name):
            label = f"d:{equation.name.rstrip(chr(39))}"
            statements.append(Let(label, seed, equation.origin))
            seed = ir.Name(label, seed.type)
        pull(equation.value, seed, active, found, equation.name)
    cotangent = accumulated(found, ("name", "grad"))
    product: Pull | None = None
    if cotangent != ZERO:
        factor, cotangent = _constant_factor(cotangent)
        if not isinstance(cotangent, ir.Name):
            statements.append(Let("d:grad", cotangent, step.origin))
            cotangent = ir.Name("d:grad", PARAMETERS)
        product = Pull(cotangent.id, loss_hypers, primal=False)
        hessian = mul(factor, ir.Name("hessian:product", PARAMETERS))
        found["name", "w"] = add(accumulated(found, ("name", "w")), hessian)
        for name in loss_hypers:
            type_ = without_step(program.hyper(name).type)
            mixed = mul(factor, ir.Name(f"mixed:{name}", type_))
            found["hyper", name] = add(accumulated(found, ("hyper", name)), mixed)
    states = tuple(Let(name, accumulated(found, ("name", name))) for name in ("w", *(s.name for s in step.states)))
    hypers = tuple(Let(h.name, found["hyper", h.name]) for h in program.hypers if ("hyper", h.name) in found)
    draft = Adjoint(
        before=(),
        after=(),
        recomputed=(),
        needs_grad=False,
        statements=tuple(statements),
        pull=product,
        states=states,
        hypers=hypers,
        init=_derive_init(program),
        traced=traced_hypers(program),
    )
    return _place_grad(_plan_values(draft, step))


def _constant_factor(cotangent: ir.Expr) -> tuple[ir.Expr, ir.Expr]:
    """A constant factor taken out of the cotangent: the product is linear, and it saves a pass over the parameters."""
    match cotangent:
        case ir.Binary("*", ir.Const() as factor, rest):
            return factor, rest
        case ir.Unary("neg", rest):
            return ir.Const(-1.0), rest
        case _:
            return ir.Const(1.0), cotangent


def _plan_values(draft: Adjoint, step: Step) -> Adjoint:
    """Decide which forward values the reverse step needs: from the path, or computed again."""
    used = [e for let in (*draft.statements, *draft.states, *draft.hypers) for e in ir.names_in(let.value)]
    states = {"w", *(s.name for s in step.states)}
    equations = {e.name: e for e in step.equations}
    needed: set[str] = set()
    stack = list(used)
    recomputed: set[str] = set()
    while stack:
        name = stack.pop()
        if name in needed:
            continue
        needed.add(name)
        if name in equations and name.rstrip("'") not in states:
            recomputed.add(name)
            stack.extend(ir.names_in(equations[name].value))
    before = tuple(s for s in ("w", *(s.name for s in step.states)) if s in needed or s == "w")
    after = tuple(s for s in ("w", *(s.name for s in step.states)) if f"{s}'" in needed)
    again = tuple(e for e in step.equations if e.name in recomputed)
    return replace(draft, before=before, after=after, recomputed=again, needs_grad="grad" in needed)


def _place_grad(draft: Adjoint) -> Adjoint:
    """Let the gradient come out of the joint product where nothing before the product reads it."""
    if not draft.needs_grad or draft.pull is None:
        return draft
    early = [*draft.recomputed, *draft.statements]
    if any("grad" in ir.names_in(let.value) for let in early):
        return draft
    return replace(draft, pull=replace(draft.pull, primal=True), needs_grad=False)


def traced_hypers(program: Program) -> tuple[str, ...]:
    """Hyperparameters in initial values that are not elementwise: an interpolated inverse CDF."""
    traced: set[str] = set()
    for init in program.init:
        if any(isinstance(node, ir.Call) and CALLS[node.function].in_rules == "traced" for node in ir.walk(init.value)):
            traced.update(ir.hypers_in(init.value))
    return tuple(h.name for h in program.hypers if h.name in traced)


def _derive_init(program: Program) -> tuple[Let, ...]:
    """What the initial parameters and states contribute to the hyperparameters' adjoints."""
    found: Adjoints = {}
    traced = traced_hypers(program)

    def active(node: ir.Expr) -> bool:
        return isinstance(node, ir.Hyper)

    def untraced(node: ir.Expr) -> bool:
        return isinstance(node, ir.Hyper) and node.id not in traced

    for init in program.init:
        type_: Type = Tree(init.group)
        if isinstance(init.value.type, Array) and init.value.type.axes:
            type_ = init.value.type
            seed: ir.Expr = ir.Name(f"d:w.{init.group}", type_)
        else:
            seed = ir.Name(f"d:w.{init.group}", Tree(init.group))
        pull(init.value, seed, untraced, found)
    for state in program.step.states:
        if state.initial is not None:
            pull(_laid(state), ir.Name(f"d:{state.name}", PARAMETERS), active, found)
    return tuple(Let(h.name, found["hyper", h.name]) for h in program.hypers if ("hyper", h.name) in found)


def _laid(state: State) -> ir.Expr:
    assert state.initial is not None
    return laid(state.initial)


def laid(initial: ir.Expr) -> ir.Expr:
    """A state's initial value, laid along all parameters."""
    if isinstance(initial.type, Array) and initial.type.axes:
        return broadcast(initial, ALL)
    return initial
