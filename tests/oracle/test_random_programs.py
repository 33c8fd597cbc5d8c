"""Property: for random programs over axes, domains and rules, the derived reverse pass is the unrolled gradient."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

import drmadc
import drmadc_runtime as rt
from drmadc_runtime.search.outer_loop import search
from drmadc_runtime.search.searchers import searcher_of
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

STEP = ["", "step", "step(bins: 2)"]
GROUP = ["", "layer of params", "param of params", "weight of params"]
TERMS = [
    "h * sum(w ^ 2)",
    "sum(h * w)",
    "sum(h * w ^ 2) + sum(u)",
    "sum(exp(h) * tanh(w))",
    "h ^ 2 * sum(sin(w))",
    "h * sum(softplus(sum(params ^ 2, by: layer) - limit))",
    "h * sum((matrix @ w) * w)",
]
RULES = [
    "sgd(rate: {r})",
    "heavy_ball(rate: {r}, momentum: 0.6)",
    "momentum(rate: {r} * 0.9 ^ t, momentum: 0.5)",
    "nesterov(rate: {r}, momentum: 0.5)",
    "adam(rate: {r}, eps: 0.1)",
    "twisted(rate: {r}, mix: 0.3)",
]
OWN = """update twisted(rate: positive, mix: unit) {
  p' = mix * p + tanh(grad) / (1 + mix * w ^ 2)
  q' = q - rate * p' * grad
  w' = w - rate * (p' + 0.1 * q) + 0.01 * sin(q')
}
"""


@st.composite
def specs(draw: st.DrawFn) -> str:
    """A spec without data: two parameter arrays, a rate and a coefficient with drawn axes and domains."""

    def hyper(name: str, domain: str, step: str, group: str, value: float) -> str:
        axes = ", ".join(axis for axis in (step, group) if axis)
        return f"hyper {name}: {domain}{f'[{axes}]' if axes else ''} = {value}"

    rule = draw(st.sampled_from(RULES))
    start = draw(st.sampled_from(["0.3", "start", "0.5 * exp(start)"]))
    lines = ["params w: real[3] = [0.5, -0.4, 0.9]", f"params u: real[2] = {start}", OWN if "twisted" in rule else ""]
    if "start" in start:
        lines.append("hyper start: real[2] = normal(0.5)")
    lines.append(hyper("r", "positive", draw(st.sampled_from(STEP)), draw(st.sampled_from(GROUP)), 0.05))
    term = draw(st.sampled_from(TERMS))
    if "limit" in term:
        lines.append("hyper limit: positive[layer of params] = exp(normal(0.2))")
    if "matrix" in term:
        lines.append("hyper matrix: real[3, 3] = identity() + normal(0.3)")
    inside = "h * w" in term or "exp(h)" in term
    group = draw(st.sampled_from(["", "weight of w"])) if inside else ""
    domain = draw(st.sampled_from(["real", "positive", "unit"]))
    lines.append(hyper("h", domain, draw(st.sampled_from(STEP)), group, 0.4))
    steps = draw(st.integers(2, 5))
    loss = f"{term} + sum(w ^ 4) + sum((u - 1) ^ 2) * (1 + sum(w))"
    lines.append(f"train {{ loss = {loss}  update = {rule.format(r='r')}  steps = {steps}  precision = float64 }}")
    lines.append("tune { minimize = sum(w ^ 2) + sum(u ^ 3)  update = sgd(rate: 0.1)  steps = 1 }")
    return "\n".join(lines)


def check(spec: str) -> None:
    program = drmadc.compile_text(spec)
    hypers = perturbed(program, 1)
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(result.gradient, expected, 1e-9)
    policy = exact_policy(program)
    again = program.executor.evaluate(hypers, 0, rt.Recursion(2, policy.before, policy.after))
    assert_equal_gradients(again.gradient, expected, 1e-9)


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(specs())
def test_random_programs(spec: str) -> None:
    check(spec)


@pytest.mark.long
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_many_random_programs(spec: str) -> None:
    check(spec)


TIED = """
params w: real[3] = [0.5, -0.4, 0.9]
params u: real[2] = 0.3
hyper h: {domain}[{h}] = 0.4
hyper r: positive[{r}] = 0.05
train {{
  loss = sum({term}) + sum((u - 1) ^ 2) * (1 + sum(w))
  update = {rule}  steps = {steps}  precision = float64
}}
tune {{ minimize = sum(w ^ 2) + sum(u ^ 3)  update = {outer}  steps = 3  {tie} }}
"""


@st.composite
def tied_specs(draw: st.DrawFn) -> tuple[str, str]:
    """A spec with ties by sum, and the one that declares the coarser hyperparameters instead."""
    steps = draw(st.integers(2, 6))
    bins = draw(st.integers(1, steps))
    grain = draw(st.sampled_from(["layer", "param", "network"]))
    shared = {
        "domain": draw(st.sampled_from(["real", "positive", "unit"])),
        "term": draw(st.sampled_from(["h * params ^ 2", "exp(h) * tanh(params)", "params ^ 4 + h * sin(params)"])),
        "rule": draw(st.sampled_from(RULES[:5])).format(r="r"),
        "steps": steps,
        "outer": draw(st.sampled_from(["sgd(rate: 0.1)", "adam(rate: 0.1)", "sign(rate: 0.01)"])),
    }
    fine = {"h": "weight of params", "r": "step", "tie": f"tie = {{ h: {grain}, r: step(bins: {bins}) }}"}
    coarse = {"h": "" if grain == "network" else f"{grain} of params", "r": f"step(bins: {bins})", "tie": ""}
    one, other = (TIED.format(**shared, **axes).replace("[]", "") for axes in (fine, coarse))
    return one, other


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(tied_specs())
def test_ties_are_coarser_hyperparameters(specs: tuple[str, str]) -> None:
    programs = [drmadc.compile_text(text) for text in specs]
    runs = [list(search(p.executor, searcher_of(p.executor, p.hypers), lambda *_: None)) for p in programs]
    for tied, coarse in zip(*runs, strict=True):
        assert tied.objective == pytest.approx(coarse.objective, rel=1e-11)
