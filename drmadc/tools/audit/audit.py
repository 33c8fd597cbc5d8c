"""Audits a program's hypergradient: compiles it again in other ways, measures, and answers three questions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drmadc.common.source import SourceFile
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.compiler.load import load_module
from drmadc.compiler.passes.parts import layer_parts
from drmadc.compiler.read import resolved_text
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of

if TYPE_CHECKING:
    from drmadc_runtime.core.types import Values
    from drmadc_runtime.program.audit.agreement import Vector
    from drmadc_runtime.program.audit.derivative import Derivative
    from drmadc_runtime.program.audit.prediction import Prediction
    from drmadc_runtime.program.audit.verdict import Audit, Measured
    from drmadc_runtime.program.executor import Evaluation, Executor

STRETCHES = (10, 3, 1)
DRAWS = 3


@dataclass(frozen=True)
class Report:
    """An audit, and what it was measured on: `steps` is below the program's where only a prefix fitted the bound.

    `exact` is what an approximation was compared with; of an exact program it is the program itself.
    """

    audit: "Audit"
    program: Program
    exact: Program
    steps: int


def audit(compilation: Compilation, bound: int, outer: int = 0) -> Report:
    """Audit a compiled program at an outer step; an approximation against an exact form that fits `bound` bytes.

    Where none fits, both run a prefix of the training steps, halved until it does.
    """
    from drmadc.tools.audit.cures import cures
    from drmadc_runtime.program.audit.verdict import judge

    program = compilation.require()
    chosen, exact, steps = _pair(compilation, bound)
    executor = _executor(chosen)
    reference = executor if exact is chosen else _executor(exact)
    derivatives, stretch = check_derivatives(compilation, outer)
    measured = measure(program, executor, reference, executor.initial_hypers(), outer, derivatives, stretch)
    return Report(judge(measured, cures(program)), program, exact.require(), steps)


def _pair(compilation: Compilation, bound: int) -> tuple[Compilation, Compilation, int]:
    """The program and an exact form of it, which is itself where it is exact; and their number of training steps."""
    program = compilation.require()
    steps = program.steps
    if strategy_of(program).gradient == "exact":
        return compilation, compilation, steps
    text = resolved_text(compilation)
    while True:
        shorter = () if steps == program.steps else (f"train.steps={steps}",)
        exact = _compile(text, program, (*shorter, f"tune.reverse=exact(memory: {max(1, bound // 1000)} KB)"))
        if exact.ok or steps <= 1:
            break
        steps //= 2
    exact.require()
    return (_compile(text, program, shorter) if shorter else compilation), exact, steps


def _compile(text: str, program: Program, overrides: tuple[str, ...]) -> Compilation:
    return compile_source(SourceFile(program.source, text), overrides)


def _executor(compilation: Compilation) -> "Executor":
    from drmadc_runtime.program.executor import Executor

    return Executor(load_module(compilation.text, compilation.require().name))


def check_derivatives(compilation: Compilation, outer: int) -> tuple[tuple["Derivative", ...], int]:
    """The derived adjoint through the first steps in float64, and how many those were; none where they don't compile.

    It is the program's own reverse pass where that is exact. All strategies run the same adjoint of a training step.
    """
    from drmadc_runtime.program.audit.derivative import check_derivative

    program, text = compilation.require(), resolved_text(compilation)
    own = strategy_of(program)
    forms = (own.text, "exact(store)") if own.gradient == "exact" else ("exact(store)",)
    for steps in dict.fromkeys(min(n, program.steps) for n in STRETCHES):
        for form in forms:
            overrides = (f"train.steps={steps}", "train.precision=float64", f"tune.reverse={form}")
            short = _compile(text, program, overrides)
            if not short.ok:
                continue
            executor = _executor(short)
            hypers = executor.initial_hypers()
            there = executor.evaluate(hypers, outer)
            if there.finite or (steps == 1 and np.isfinite(there.value)):
                return check_derivative(executor, hypers, there, outer), steps
            break
    return (), 0


def measure(
    program: Program,
    executor: "Executor",
    reference: "Executor",
    hypers: "Values",
    outer: int,
    derivatives: tuple["Derivative", ...] = (),
    stretch: int = 0,
) -> "Measured":
    """Measure all that the verdicts need at these hyperparameters.

    `reference` runs the same program exactly; of an exact program it is `executor` itself.
    """
    from drmadc_runtime.program.audit.agreement import compare, flat
    from drmadc_runtime.program.audit.prediction import draw_cosine, predictions
    from drmadc_runtime.program.audit.verdict import Measured

    first = outer * program.seeds
    redrawn = program.redraw or (program.data is not None and program.data.redrawn)
    count = max(program.seeds, DRAWS) if redrawn and (program.batched or program.models) else 1
    drawn = [executor.evaluate(hypers, first + i) for i in range(count)]
    found = drawn[0]
    exact = found if reference is executor else reference.evaluate(hypers, first)
    same = reference is executor
    agreements = () if same else compare(found.unconstrained, exact.unconstrained, _parts(program))
    gradients = [flat(result.unconstrained) for result in drawn]
    mean = {n: np.mean([r.unconstrained[n] for r in drawn[: program.seeds]], axis=0) for n in found.unconstrained}
    size = float(np.linalg.norm(flat(mean)))
    measured: tuple[Prediction, ...] = ()
    if np.isfinite(size):
        step = _outer_step(executor, hypers, mean, found)
        measured = predictions(reference, hypers, first, step, found, exact)
    return Measured(
        derivatives,
        stretch,
        agreements,
        measured,
        size,
        found.growth,
        exact.growth,
        draw_cosine(gradients),
        program.seeds,
    )


def _parts(program: Program) -> dict[str, dict[str, list[int]]]:
    return {h.name: layer_parts(program, h.name) for h in program.hypers}


def _outer_step(executor: "Executor", hypers: "Values", gradient: "Values", found: "Evaluation") -> "Vector":
    """How the first stage's rule moves the unconstrained hyperparameters; down the gradient where it has none."""
    from drmadc_runtime.program.audit.agreement import flat
    from drmadc_runtime.program.audit.prediction import fallback_step
    from drmadc_runtime.search.rule import UpdateRule

    stage = executor.program.stages[0] if executor.program.stages else None
    if stage is not None and stage.step is not None:
        rule = UpdateRule(executor, stage)
        state = rule.start(hypers)
        step = flat(dict(rule.step(state, gradient, 0)["w"])) - flat(dict(state["w"]))
        if np.isfinite(step).all() and step.any():
            return step
    return fallback_step(found)
