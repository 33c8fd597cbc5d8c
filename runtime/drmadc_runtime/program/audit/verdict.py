"""What was measured of a hypergradient, and the answers to three questions, each with the cure that fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drmadc_runtime.program.audit.agreement import Agreement
from drmadc_runtime.program.audit.derivative import Derivative
from drmadc_runtime.program.audit.prediction import GOOD, POOR, SHORT, Change, Prediction, error

Answer = Literal["yes", "roughly", "no", "skipped"]
RIGHT, CLOSE, PREDICTS = "is the derivative right?", "is the approximation close?", "does it predict the outer step?"
WRONG_COSINE, POOR_COSINE, RIGHT_COSINE = 0.5, 0.9, 0.98
CHAOTIC_GROWTH = 1e3
NOISY_COSINE, WANTED_COSINE, MOST_SEEDS = 0.5, 0.8, 32


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of an audit.

    Attributes:
        derivatives: of each hyperparameter, through the first `stretch` training steps.
        stretch: how many steps that were; 0 where none of them could be compiled.
        agreements: with the exact hypergradient; empty where the program's own is exact.
        predictions: of changes of the objective.
        size: length of the hypergradient in the unconstrained hyperparameters.
        growth: of the adjoint on its way back through training.
        exact_growth: of the exact adjoint.
        cosine: between the hypergradients of two draws, on average; 1 where all draws are the same.
        seeds: draws that an outer step averages.
    """

    derivatives: tuple[Derivative, ...] = ()
    stretch: int = 0
    agreements: tuple[Agreement, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    size: float = 1.0
    growth: float = 1.0
    exact_growth: float = 1.0
    cosine: float = 1.0
    seeds: int = 1

    @property
    def noisy(self) -> bool:
        """Whether averages over the program's draws point in different directions."""
        return averaged(self.cosine, self.seeds) < NOISY_COSINE


@dataclass(frozen=True, slots=True)
class Cures:
    """What to change in a spec, by what is wrong; written by those who know the spec.

    Attributes:
        approximation: where the strategy is at fault.
        chaos: where training amplifies small changes.
        kinks: where the objective is rough though training does not amplify much.
        invisible: where the outer step changes less than rounding does.
    """

    approximation: tuple[str, ...] = ()
    chaos: tuple[str, ...] = ()
    kinks: tuple[str, ...] = ()
    invisible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one question: why, and what to change."""

    question: str
    answer: Answer
    findings: tuple[str, ...]
    cures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """What was measured, and the three verdicts in the order of their questions."""

    measured: Measured
    verdicts: tuple[Verdict, Verdict, Verdict]

    @property
    def wrong(self) -> bool:
        """Whether the hypergradient is wrong or useless."""
        return any(verdict.answer == "no" for verdict in self.verdicts)


def judge(measured: Measured, cures: Cures) -> Audit:
    """The three verdicts on what was measured."""
    return Audit(measured, (_right(measured), _close(measured, cures), _predicts(measured, cures)))


def _right(measured: Measured) -> Verdict:
    if not measured.derivatives:
        return Verdict(RIGHT, "skipped", ("no stretch of training is finite and compiles in float64",))
    steps = f"the first {measured.stretch} training steps" if measured.stretch > 1 else "the first training step"
    wrong = [row for row in measured.derivatives if not row.right]
    if wrong:
        found = [f"`{row.name}` is {_off(row)}, in float64 on {steps}" for row in wrong]
        return Verdict(RIGHT, "no", tuple(found), ("nothing in the spec: this is a bug in drmadc; please report it",))
    worst = max(measured.derivatives, key=lambda row: row.error)
    near = f"within {max(worst.error, 1e-16):.1g} of {worst.method}"
    return Verdict(RIGHT, "yes", (f"{near}, in float64 on {steps}",))


def _off(row: Derivative) -> str:
    return f"off by {row.error:.1%} from {row.method}" if np.isfinite(row.error) else "not finite"


def _close(measured: Measured, cures: Cures) -> Verdict:
    if not measured.agreements:
        return Verdict(CLOSE, "skipped", ("the strategy is exact",))
    findings: list[str] = []
    answer: Answer = "yes"
    whole = [row for row in measured.agreements if not row.name.startswith(" ")]
    for row in whole:
        if not np.isfinite(row.cosine) or row.cosine < WRONG_COSINE:
            answer = "no"
            wrong = f"`{row.name}`: the direction is WRONG, cosine {row.cosine:.2g} with the exact one"
            findings.append(wrong + _size(row))
        elif row.cosine < POOR_COSINE or not 0.5 <= row.norm <= 2:
            answer = "no" if answer == "no" else "roughly"
            findings.append(f"`{row.name}`: approximate, cosine {row.cosine:.2g} with the exact one{_size(row)}")
        elif row.cosine < RIGHT_COSINE or not 0.8 <= row.norm <= 1.25:
            findings.append(f"`{row.name}`: cosine {row.cosine:.3g} with the exact one{_size(row)}")
    poor = [row.name.split()[-1] for row in measured.agreements if row not in whole and row.cosine < WRONG_COSINE]
    if poor:
        findings.append(f"wrong in these layers: {', '.join(poor)}")
    if not findings:
        least = min(whole, key=lambda row: row.cosine)
        same = "both are zero" if not measured.size else f"cosine {least.cosine:.4g} with the exact one"
        return Verdict(CLOSE, "yes", (same,))
    return Verdict(CLOSE, answer, tuple(findings), cures.approximation)


def _size(row: Agreement) -> str:
    if not np.isfinite(row.norm):
        return "; the exact one is zero" if np.isinf(row.norm) else "; not finite"
    return "" if 0.8 <= row.norm <= 1.25 else f"; {row.norm:.2g} times as long"


def _predicts(measured: Measured, cures: Cures) -> Verdict:
    verdict = _of_one_draw(measured, cures)
    if not measured.noisy or not measured.size or verdict.answer == "no":
        return verdict
    findings = (*verdict.findings, f"but each draw has its own: the mean cosine between draws is {measured.cosine:.2g}")
    seeds = seeds_for(measured.cosine)
    cure = f"average over draws: `seeds = {seeds}`" if seeds else "a larger batch, or a smoother training run"
    return Verdict(PREDICTS, "roughly", findings, (cure, *verdict.cures))


def averaged(cosine: float, seeds: int) -> float:
    """The cosine between two averages over `seeds` draws each, of which single ones have `cosine`.

    Where a draw is the mean and independent noise: c is the mean's share of the square of a draw's length.
    """
    return seeds * cosine / (1 + (seeds - 1) * cosine) if cosine > 0 else cosine


def seeds_for(cosine: float) -> int:
    """How many draws must be averaged for a cosine of .8 with the mean over all of them; 0 for too many.

    That cosine is the square root of `averaged(cosine, seeds)`.
    """
    wanted = WANTED_COSINE**2
    if cosine <= 0:
        return 0
    seeds = int(np.ceil(wanted * (1 - cosine) / ((1 - wanted) * cosine)))
    return max(seeds, 2) if seeds <= MOST_SEEDS else 0


def _of_one_draw(measured: Measured, cures: Cures) -> Verdict:
    if not np.isfinite(measured.size):
        return Verdict(PREDICTS, "no", ("the hypergradient is not finite",), cures.chaos)
    whole = next((c for p in measured.predictions for c in p.own if c.length == 1), None)
    if not measured.size:
        return _zero(measured)
    own = {s: _at(s, [c for p in measured.predictions for c in p.own]) for s in SHORT}
    exact = {s: _at(s, [c for p in measured.predictions for c in p.exact]) for s in SHORT}
    errors = {s: error(changes) for s, changes in own.items() if changes}
    if not errors and whole is not None and whole.judged:
        errors = {1.0: whole.error}
    if whole is None or not errors:
        finding = "the outer step changes the objective by less than rounding lets through"
        return Verdict(PREDICTS, "roughly", (finding,), cures.invisible)
    best = min(errors.values())
    if best > GOOD:
        true = min((error(changes) for changes in exact.values() if changes), default=2.0)
        if measured.agreements and true <= GOOD:
            finding = f"the exact hypergradient does, within {max(true, 0.01):.0%}; this one is off by {_percent(best)}"
            return Verdict(PREDICTS, _level(best), (finding,), cures.approximation)
        return _rough(measured, cures, best, whole)
    if len(errors) > 1 and errors[SHORT[0]] > POOR:
        finding = f"only over a hundredth of the outer step; over a tenth of it is off by {_percent(errors[SHORT[0]])}"
        return Verdict(PREDICTS, "no", (finding, "the objective is rugged at the scale of the step"), cures.chaos)
    if not whole.holds:
        finding = f"only over shorter steps: the outer step overshoots, {_told(whole)}"
        return Verdict(PREDICTS, "roughly", (finding,), ("a smaller rate in `tune`",))
    return Verdict(PREDICTS, "yes", (_told(whole) if whole.judged else f"within {best:.1%} over short steps",))


def _rough(measured: Measured, cures: Cures, best: float, whole: Change) -> Verdict:
    off = f"off by {_percent(best)} even over short steps; over the outer step {_told(whole)}"
    if measured.exact_growth > CHAOTIC_GROWTH:
        chaos = f"training is chaotic: the adjoint grows {measured.exact_growth:.2g} times"
        return Verdict(PREDICTS, "no", (off, chaos), cures.chaos)
    found = "the objective is rough: its slope changes from point to point"
    return Verdict(PREDICTS, _level(best), (off, found), tuple(dict.fromkeys((*cures.kinks, *cures.chaos))))


def _zero(measured: Measured) -> Verdict:
    moved = any(c.judged for p in measured.predictions for c in p.own)
    also = "although the objective changes" if moved else "and the objective does not change"
    cure = "minimize what has a derivative: `cross_entropy` or `squared_error`, not `error`; and let the loss read them"
    return Verdict(PREDICTS, "no", (f"the hypergradient is zero, {also}",), (cure,))


def _at(length: float, changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.length == length and change.judged]


def _level(off: float) -> Answer:
    return "roughly" if off <= POOR else "no"


def _percent(off: float) -> str:
    return f"{off:.0%}"


def _told(change: Change) -> str:
    return f"predicted {change.predicted:.3g}, measured {change.measured:.3g}"
