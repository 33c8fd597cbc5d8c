"""Is a hypergradient right? Comparison with the exact one, finite differences, and a probe of smoothness."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.types import Arrays, Values
from drmadc_runtime.program.executor import Evaluation, Executor

Vector = npt.NDArray[np.float64]
Parts = Mapping[str, Mapping[str, Sequence[int]]]
WRONG_COSINE, POOR_COSINE, RIGHT_COSINE = 0.5, 0.9, 0.98
GROWTH_LIMIT = 10.0
ROUGH = 0.25
VISIBLE = 3e-4


@dataclass(frozen=True)
class Agreement:
    """One hyperparameter, or a part of it: its gradient against the exact one, in what the outer loop moves."""

    name: str
    entries: int
    cosine: float
    signs: float
    norm: float


@dataclass(frozen=True)
class Slope:
    """A finite difference of the trained objective along a direction, against the gradient's prediction."""

    direction: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """Measured over predicted; 1 where the gradient is right."""
        return self.measured / self.predicted if self.predicted else float("nan")


@dataclass(frozen=True)
class Audit:
    """What was measured. `roughness` is the part of the objective's change along the gradient that no parabola fits."""

    agreements: tuple[Agreement, ...]
    slopes: tuple[Slope, ...]
    growth: float
    exact_growth: float
    roughness: float
    findings: tuple[str, ...] = field(default=())
    wrong: bool = False


def compare(found: Arrays, exact: Arrays, parts: Parts) -> tuple[Agreement, ...]:
    """Agreement of all hyperparameters together, each of them, and each of their parts."""
    rows = []
    if len(found) > 1:
        rows.append(_agreement("all", flat(found), flat(exact)))
    for name in found:
        rows.append(_agreement(name, np.ravel(found[name]), np.ravel(exact[name])))
        chunks = parts.get(name, {})
        for label, piece in chunks.items() if len(chunks) > 1 else ():
            a, b = found[name][..., piece], exact[name][..., piece]
            rows.append(_agreement(f"  of {label}", np.ravel(a), np.ravel(b)))
    return tuple(rows)


def _agreement(name: str, found: Vector, exact: Vector) -> Agreement:
    a, b = found.astype(np.float64), exact.astype(np.float64)
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    both = sizes[0] * sizes[1]
    cosine = float(a @ b) / both if both else float(sizes[0] == sizes[1])
    ratio = sizes[0] / sizes[1] if sizes[1] else float("nan")
    return Agreement(name, a.size, cosine, float(np.mean(np.sign(a) == np.sign(b))), ratio)


def flat(arrays: Values) -> Vector:
    """All arrays as one vector, by sorted name."""
    return np.concatenate([np.ravel(np.asarray(arrays[name], np.float64)) for name in sorted(arrays)])


class Line:
    """The trained objective along a direction of the unconstrained hyperparameters."""

    def __init__(self, executor: Executor, hypers: Values, outer: int, direction: Vector) -> None:
        free = {name: np.asarray(value, np.float64) for name, value in executor.unconstrain(hypers).items()}
        names = sorted(free)
        ends = np.cumsum([free[name].size for name in names])
        chunks = np.split(direction, ends[:-1])
        self._at: Callable[[float], Values] = lambda s: executor.constrain(
            {n: free[n] + s * np.reshape(piece, free[n].shape) for n, piece in zip(names, chunks, strict=True)}
        )
        self._executor, self._outer = executor, outer

    def __call__(self, distance: float) -> float:
        """The objective at a distance."""
        return self._executor.objective(self._at(distance), self._outer)


def step_length(value: float, slope: float, direction: Vector, relative: float = 0.003) -> float:
    """A step along `direction` whose predicted change is a small part of the objective, and that moves no entry far.

    With a slope of 0 it is the farthest: .3 in the entry that moves most.
    """
    farthest = 0.3 / max(float(np.abs(direction).max()), 1e-30)
    return min(relative * max(abs(value), 1e-8) / abs(slope), farthest) if slope else farthest


def slope_along(
    executor: Executor, hypers: Values, outer: int, evaluation: Evaluation, direction: Vector, name: str
) -> Slope:
    """A central difference along a direction; where the objective does not change visibly, with a longer step."""
    predicted = float(flat(evaluation.unconstrained) @ direction)
    line = Line(executor, hypers, outer, direction)
    step = step_length(evaluation.value, predicted, direction)
    farthest = step_length(0.0, 0.0, direction)
    change = line(step) - line(-step)
    while abs(change) < VISIBLE * abs(evaluation.value) and step < farthest:
        step = min(8 * step, farthest)
        change = line(step) - line(-step)
    return Slope(name, predicted, change / (2 * step))


def own_direction(evaluation: Evaluation) -> Vector | None:
    """The gradient's own direction, of length 1; None where it has none."""
    gradient = flat(evaluation.unconstrained)
    size = float(np.linalg.norm(gradient))
    return gradient / size if size > 0 and np.isfinite(size) else None


def roughness(executor: Executor, hypers: Values, outer: int, evaluation: Evaluation, direction: Vector) -> float:
    """What is left of the objective along a line beside a parabola, over how much it changes there; 0 is smooth."""
    slope = float(flat(evaluation.unconstrained) @ direction)
    step = step_length(evaluation.value, slope, direction)
    line = Line(executor, hypers, outer, direction)
    places = np.linspace(-2, 2, 9)
    values = np.array([line(float(s) * step) for s in places])
    if not np.isfinite(values).all():
        return 1.0
    rest = values - np.polyval(np.polyfit(places, values, 2), places)
    change = float(np.ptp(values))
    return float(np.ptp(rest)) / change if change else 0.0


def audit(
    chosen: Executor, exact: Executor, hypers: Values, outer: int, parts: Parts, draws: int = 2
) -> tuple[Audit, Evaluation]:
    """Measure everything; see Audit. The two sessions run the same program under different strategies."""
    found = chosen.evaluate(hypers, outer)
    reference = exact.evaluate(hypers, outer)
    agreements = compare(found.unconstrained, reference.unconstrained, parts)
    slopes = []
    rough = 0.0
    own = own_direction(found)
    if own is not None and np.isfinite(own).all():
        slopes.append(slope_along(exact, hypers, outer, found, own, "its own direction"))
    true = own_direction(reference)
    if true is not None:
        slopes.append(slope_along(exact, hypers, outer, reference, true, "the exact gradient's direction"))
        rough = roughness(exact, hypers, outer, reference, true)
        random = np.random.default_rng(outer)
        for i in range(draws):
            direction = random.normal(size=true.size)
            direction += np.sign(direction @ true) * np.linalg.norm(direction) * true
            direction /= np.linalg.norm(direction)
            slopes.append(slope_along(exact, hypers, outer, found, direction, f"random direction {i + 1}"))
    return Audit(agreements, tuple(slopes), found.growth, reference.growth, rough), found


def judge(measured: Audit, advice: str) -> Audit:
    """The verdict in words; `wrong` where the direction of a hyperparameter cannot be followed."""
    findings = []
    wrong = False
    whole = [row for row in measured.agreements if not row.name.startswith(" ")]
    for row in whole:
        size = f"{row.norm:.2g} times the norm" if not 0.8 <= row.norm <= 1.25 else "of the right norm"
        if not np.isfinite(row.cosine) or row.cosine < WRONG_COSINE:
            wrong = True
            findings.append(f"`{row.name}`: the direction is WRONG, cosine {row.cosine:.2g} with the exact one; {size}")
        elif row.cosine < POOR_COSINE:
            findings.append(
                f"`{row.name}`: the direction is approximate, cosine {row.cosine:.2g} with the exact one; {size}"
            )
        elif row.cosine < RIGHT_COSINE or size != "of the right norm":
            findings.append(f"`{row.name}`: the direction is good, cosine {row.cosine:.3g} with the exact one; {size}")
    poor = [row.name.split()[-1] for row in measured.agreements if row not in whole and row.cosine < WRONG_COSINE]
    if poor:
        findings.append(f"wrong in these layers: {', '.join(poor)}")
    if not findings:
        findings.append("the hypergradient is right")
    elif advice:
        findings.append(f"try: {advice}")
    if measured.roughness > ROUGH:
        findings.append(
            f"the objective is rugged: {measured.roughness:.0%} of its change along the exact gradient does "
            "not fit a parabola. Hypergradients are unreliable here; use fewer steps, a smaller rate, or float64"
        )
    elif measured.exact_growth > GROWTH_LIMIT:
        findings.append(
            f"the exact adjoint grows {measured.exact_growth:.3g} times: training amplifies small perturbations, and "
            "longer runs may become chaotic"
        )
    return replace(measured, findings=tuple(findings), wrong=wrong)


def probe(executor: Executor, hypers: Values, outer: int, evaluation: Evaluation) -> Slope | None:
    """The cheap audit of a run: two more trainings, along the gradient's own direction."""
    own = own_direction(evaluation)
    return None if own is None else slope_along(executor, hypers, outer, evaluation, own, "its own direction")
