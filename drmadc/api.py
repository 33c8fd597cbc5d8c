"""The Python interface: compile a spec, evaluate its objective and hypergradient, run it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from math import prod
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import SourceFile
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.compiler.load import load_module
from drmadc.compiler.passes.strategy.cost import cost
from drmadc.compiler.read import run_texts
from drmadc.compiler.source_files import read_source
from drmadc.language.strategies.base import strategy_of
from drmadc_common.amounts import bytes_text

if TYPE_CHECKING:
    from drmadc.compiler.passes.strategy.plan import Plan
    from drmadc.ir.program import Program as ProgramIR
    from drmadc.tools.audit.audit import Report
    from drmadc_runtime.program.contract import Program as Emitted
    from drmadc_runtime.program.executor import Evaluation, Executor
    from drmadc_runtime.run.reporting.forecast import Cost
    from drmadc_runtime.run.run import Run

Arrays = dict[str, npt.NDArray[np.floating[Any]]]


def compile_file(path: str | PathLike[str], overrides: Iterable[str] = ()) -> "Program":
    """Compile a .drm file.

    Args:
        path: the file.
        overrides: settings to replace, as on the command line: `train.steps=100`.

    Raises:
        SpecError: invalid spec; its `diagnostics` hold every mistake.
        OSError: the file cannot be read.
    """
    return Program(compile_source(read_source(Path(path)), tuple(overrides)))


def compile_text(text: str, name: str = "spec.drm", overrides: Iterable[str] = ()) -> "Program":
    """Compile a spec given as text; `name` is how diagnostics call it.

    Raises:
        SpecError: invalid spec.
    """
    return Program(compile_source(SourceFile(name, text), tuple(overrides)))


def predicted(program: "ProgramIR") -> "Cost":
    """What the compiler predicts of the spec's own strategy, as a run is told."""
    from drmadc_runtime.run.reporting.forecast import Cost

    found = cost(program)
    return Cost(found.memory, found.work, _strategy(program))


def _strategy(program: "ProgramIR") -> str:
    """The strategy as the spec gives it, and what it changes; where the compiler chose, also what and why."""
    reverse, strategy = program.reverse, strategy_of(program)
    if strategy.note:
        return f"{reverse.text}: {strategy.note}"
    return f"{reverse.text} = {strategy.text} ({reverse.reason})" if reverse.reason else reverse.text


class Program:
    """A compiled spec. Training happens when a method is called, never before."""

    def __init__(self, compilation: Compilation) -> None:
        self.ir = compilation.require()
        self._compilation = compilation

    @property
    def name(self) -> str:
        """The spec's name, without folders and ending."""
        return self.ir.name

    @property
    def python(self) -> str:
        """The emitted module's text."""
        return self._compilation.text

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings about the spec."""
        return self._compilation.diagnostics

    def _repr_html_(self) -> str:
        """What a notebook shows: the spec, what is tuned, and the strategy with its predicted cost."""
        predicted = cost(self.ir)
        rows = [(h.name, h.text.partition("=")[0].strip(), f"{prod(h.shape):,}") for h in self.ir.hypers]
        cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        about = (
            f"{self.ir.steps:,} training steps of {self.ir.step.rule}, {self.ir.tune_steps:,} outer steps, "
            f"{self.ir.reverse.text}: {bytes_text(predicted.memory)}, {predicted.work:.3g} training runs each"
        )
        return (
            f"<pre>{escape(self._compilation.source.text)}</pre>"
            f"<table><tr><th>hyperparameter</th><th>type</th><th>entries</th></tr>{cells}</table><p>{escape(about)}</p>"
        )

    @cached_property
    def emitted(self) -> "Emitted":
        """What the emitted module gives: its functions and constants (see drmadc_runtime.program.contract)."""
        return load_module(self.python, self.name)

    @cached_property
    def executor(self) -> "Executor":
        """The emitted functions, compiled at their first use (see drmadc_runtime.program.executor)."""
        from drmadc_runtime.program.executor import Executor

        return Executor(self.emitted)

    @cached_property
    def hypers(self) -> Arrays:
        """Initial hyperparameters by name, in their own domains; shapes as declared (a group axis is one axis)."""
        return {name: np.asarray(value) for name, value in self.executor.initial_hypers().items()}

    def objective(self, hypers: Mapping[str, Any], outer: int = 0) -> float:
        """Train from scratch and return the outer objective.

        Args:
            hypers: values in their own domains, as in `hypers`.
            outer: the outer step, which picks initial weights, minibatches and (where resampled) splits.

        Raises:
            ValueError: a hyperparameter is missing, unknown or has the wrong shape.
        """
        return self.executor.objective(hypers, outer)

    def hypergradient(self, hypers: Mapping[str, Any], outer: int = 0) -> "Evaluation":
        """Train from scratch and send the objective's gradient back through training by the spec's strategy.

        Returns:
            `value`; `gradient` by name in own domains; `unconstrained` by name in what the outer loop moves;
            `growth`, the adjoint's norm at the first step over that at the last.

        Raises:
            ValueError: a hyperparameter is missing, unknown or has the wrong shape.
        """
        return self.executor.evaluate(hypers, outer)

    def plan(self, memory: int = 2_000_000_000) -> "Plan":
        """Predicted memory (bytes) and work (training runs) of every strategy, and auto()'s choice under a bound."""
        from drmadc.compiler.passes.strategy.plan import plan

        return plan(self.ir, memory)

    def audit(self, memory: int = 2_000_000_000, outer: int = 0) -> "Report":
        """Ask whether the hypergradient is right, close to the exact one, and of use; see drmadc.tools.audit.

        Args:
            memory: bytes that the exact reference may take.
            outer: the outer step at which to measure, with the initial hyperparameters.

        Raises:
            SpecError: no exact strategy fits the bound, even for one training step.
        """
        from drmadc.tools.audit.audit import audit

        return audit(self._compilation, memory, outer)

    def run(self, out: str | PathLike[str] | None = None, quiet: bool = False) -> "Run":
        """Run the outer loop and record it in a folder (`runs/NAME/TIME-HASH` unless `out` is given).

        Raises:
            NotFinite: a NaN or an infinity stopped the run; what was done is in the folder.
            FileExistsError: `out` is there already and not empty.
        """
        from drmadc.naming.entries import entries_of
        from drmadc_runtime.run.reporting.choose import display
        from drmadc_runtime.run.run import Options, run

        texts = run_texts(self._compilation)
        folder = None if out is None else str(out)
        options = Options(display(quiet), predicted(self.ir))
        found = run(self.emitted, texts, folder, options)
        return replace(found, naming=entries_of(self.ir, found.path).table)
