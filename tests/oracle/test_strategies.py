"""Every reverse strategy against the exact hypergradient, and each approximation where it must be exact."""

import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.compiler.passes.strategy.plan import candidates
from drmadc.language.strategies.approximate.naive import Naive
from drmadc.language.strategies.exact.reversible import Reversible
from drmadc_runtime.program.audit.agreement import flat
from drmadc_runtime.search.rule import UpdateRule
from tests.conftest import CASES, ROOT, compiled, names
from tests.oracle.test_reverse_pass import FIRST, LATER, NAMES, OTHERS
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient


@pytest.mark.parametrize("case", [*FIRST, *OTHERS])
def test_recomputation_equals_the_recorded_path(case: str) -> None:
    """Two levels with a ragged last segment, and three levels of binary recursion, bit by bit the same states."""
    program = compiled(case)
    hypers = perturbed(program)
    expected = program.executor.evaluate(hypers, 1, exact_policy(program)).gradient
    policy = program.emitted.policy
    for form in (rt.Checkpoint(3, policy.before, policy.after), rt.Recursion(2, policy.before, policy.after)):
        assert_equal_gradients(program.executor.evaluate(hypers, 1, form).gradient, expected, 1e-12)


@pytest.mark.parametrize("arity", [2, 5, 40])
@pytest.mark.parametrize("length", [1, 7])
def test_any_length_and_arity_is_exact(arity: int, length: int) -> None:
    program = compiled("surface")
    hypers = perturbed(program)
    _, expected = unrolled_gradient(program, hypers, 0)
    policy = program.emitted.policy
    for form in (rt.Checkpoint(length, policy.before, policy.after), rt.Recursion(arity, policy.before, policy.after)):
        assert_equal_gradients(program.executor.evaluate(hypers, 0, form).gradient, expected, 1e-10)


@pytest.mark.parametrize("case", ["norm_clipping", "own_rule", "surface", "schedules"])
def test_forward_mode_is_exact(case: str) -> None:
    program = compiled(case, "tune.reverse=forward()")
    hypers = perturbed(program)
    value, expected = unrolled_gradient(compiled(case), hypers, 1)
    result = program.hypergradient(hypers, 1)
    assert result.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(result.gradient, expected, 1e-10)


REVERSIBLE = [name for name in NAMES if Reversible().unsupported(facts(compiled(name).ir)) is None]


@pytest.mark.parametrize(
    "case", [name if name in FIRST else pytest.param(name, marks=pytest.mark.long) for name in REVERSIBLE]
)
def test_reversible_training_returns_to_its_first_state(case: str) -> None:
    """The adjoint is NaN unless every bit of the first state comes back; decays are rounded to n / 65536."""
    program = compiled(case, "tune.reverse=exact(reversible)")
    hypers = perturbed(program)
    _, expected = unrolled_gradient(compiled(case), hypers, 1)
    result = program.hypergradient(hypers, 1)
    assert result.finite
    assert_equal_gradients(result.gradient, expected, 2e-3)
    assert program.objective(hypers, 1) == pytest.approx(result.value, rel=1e-12)


def test_some_programs_are_reversible() -> None:
    assert len(REVERSIBLE) >= 4
    assert any(name in FIRST for name in REVERSIBLE)


def test_reversible_training_over_thousands_of_steps() -> None:
    """Momentum as low as .3: the buffer takes in 1.7 bits a step, and pushes hundreds of digits."""
    source = (ROOT / "specs" / "toy_surface.drm").read_text()
    program = drmadc.compile_text(
        source, overrides=["train.steps=3000", "momentum=0.3", "rate=0.0001", "tune.reverse=exact(reversible)"]
    )
    exact = drmadc.compile_text(source, overrides=["train.steps=3000", "momentum=0.3", "rate=0.0001"])
    result = program.hypergradient(program.hypers)
    assert result.finite
    assert_equal_gradients(result.gradient, exact.hypergradient(exact.hypers).gradient, 1e-3)


def test_reversible_toy_surface_reproduces_the_published_losses() -> None:
    """With momentum rounded to n / 65536 the authors' four losses come out, whose adjoint is not."""
    reverse = "exact(reversible, adjoint: published)"
    program = drmadc.compile_file(ROOT / "specs" / "toy_surface.drm", [f"tune.reverse={reverse}"])
    executor = program.executor
    rule = UpdateRule(executor, executor.program.stages[0])
    state = rule.start(program.hypers)
    losses = []
    for outer in range(4):
        hypers = executor.constrain(dict(state["w"]))
        result = executor.evaluate(hypers, outer)
        losses.append(round(result.value, 3))
        state = rule.step(state, result.unconstrained, outer)
    assert losses == [395.305, 356.566, 356.341, 376.036]


@pytest.mark.parametrize("case", ["l2_by_input", "own_rule"])
def test_truncated_over_all_steps_is_exact(case: str) -> None:
    steps = compiled(case).ir.steps
    program = compiled(case, f"tune.reverse=truncated(steps: {steps})")
    hypers = perturbed(program)
    _, expected = unrolled_gradient(compiled(case), hypers, 1)
    assert_equal_gradients(program.hypergradient(hypers, 1).gradient, expected, 1e-10)


def test_truncated_is_the_gradient_of_the_last_steps() -> None:
    """Entries of a schedule: exact for the last three steps, 0 before."""
    program = compiled("surface", "tune.reverse=truncated(steps: 3)")
    hypers = perturbed(program)
    _, expected = unrolled_gradient(compiled("surface"), hypers, 1)
    gradient = program.hypergradient(hypers, 1).gradient["rate"]
    steps = program.ir.steps
    assert np.all(gradient[: steps - 3] == 0)
    np.testing.assert_allclose(gradient[-3:], np.asarray(expected["rate"])[-3:], rtol=1e-10)


QUADRATIC = """
params w: real[3] = [2, -1, 0.5]
hyper center: real[3] = [0.3, 0.7, -0.4]
hyper l2: positive = 0.2
train {{
  loss   = w[0] ^ 2 + 2 * w[1] ^ 2 + 0.5 * w[2] ^ 2 + 0.3 * w[0] * w[1] - sum(center * w) + l2 * sum(w ^ 2)
  update = heavy_ball(rate: 0.2, momentum: 0.5)
  steps  = 400
  precision = float64
}}
tune {{ minimize = sum((w - 1) ^ 2)  reverse = {reverse}  update = sgd(rate: 0.1)  steps = 1 }}
"""


@pytest.mark.parametrize("reverse", ["implicit(neumann: 300)", "implicit(cg: 3)"])
def test_implicit_methods_are_exact_at_rest(reverse: str) -> None:
    """On a quadratic that has converged, the implicit function theorem is the unrolled gradient."""
    source = QUADRATIC.format(reverse=reverse).replace("hyper center: real[3]", "hyper center: real[weight of w]")
    program = drmadc.compile_text(source)
    exact = drmadc.compile_text(source, overrides=["tune.reverse=exact(store)"])
    expected = exact.hypergradient(exact.hypers).gradient
    assert_equal_gradients(program.hypergradient(program.hypers).gradient, expected, 1e-6)


FLOW = """
params w: real[3] = [2, -1, 0.5]
hyper center: real[weight of w] = [0.3, 0.7, -0.4]
hyper rate: positive{axes} = 0.02
train {{
  loss   = w[0] ^ 2 + 2 * w[1] ^ 2 + 0.5 * w[2] ^ 2 + 0.3 * w[0] * w[1] - sum(center * w)
  update = {update}
  steps  = 200
  precision = float64
}}
tune {{ minimize = sum((w - 1) ^ 2)  reverse = {reverse}  update = sgd(rate: 0.1)  steps = 1 }}
"""
FLOW_RULES = ["sgd(rate: rate)", "heavy_ball(rate: rate, momentum: 0.9)", "momentum(rate: 0.1 * rate, momentum: 0.9)"]


@pytest.mark.parametrize("axes", ["", "[step(bins: 4)]", "[step]", "[weight of w]"])
@pytest.mark.parametrize("update", FLOW_RULES)
def test_flow_is_nearly_exact_on_a_quadratic(update: str, axes: str) -> None:
    """The Hessian is constant, so only the velocity's slow start in each segment and its mean rates are approximate."""
    reverse = "flow(knots: 101, segments: 20, products: 60)"
    program = drmadc.compile_text(FLOW.format(reverse=reverse, update=update, axes=axes))
    exact = drmadc.compile_text(FLOW.format(reverse="exact(store)", update=update, axes=axes))
    expected, found = exact.hypergradient(exact.hypers).gradient, program.hypergradient(program.hypers).gradient
    for name in expected:
        a, b = np.ravel(found[name]), np.ravel(expected[name])
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert cosine > 0.98, (name, cosine)
        assert 0.9 < np.linalg.norm(a) / np.linalg.norm(b) < 1.1, name


def test_gauss_newton_is_the_hessian_of_a_linear_model() -> None:
    """The outputs of one dense layer are linear in the parameters, so J^T H J is the Hessian."""
    source = (CASES / "ok" / "l2_by_input.drm").read_text()
    start, end = source.index("model"), source.index("}", source.index("model"))
    name = source[start:].split()[1].partition("(")[0]
    source = source[:start] + f"model {name}(x: real[784]) -> real[10] {{ return dense(x, 10) " + source[end:]
    source = source[: source.index("report")]
    newton = drmadc.compile_text(source, overrides=["tune.reverse=drmad(knots: 4, curvature: gauss_newton)"])
    exact = drmadc.compile_text(source, overrides=["tune.reverse=drmad(knots: 4)"])
    hypers = perturbed(exact)
    assert_equal_gradients(newton.hypergradient(hypers, 1).gradient, exact.hypergradient(hypers, 1).gradient, 1e-10)


LONG = [pytest.param(case, marks=pytest.mark.long) for case in ("units", "adam_all")]


@pytest.mark.parametrize("case", ["l2_by_input", "regression", *LONG])
def test_gauss_newton_product_and_its_mixed_terms(case: str) -> None:
    """J^T H J against a dense reference in NumPy's sense; mixed terms against the exact ones."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    newton = compiled(case, "tune.reverse=drmad(knots: 2, curvature: auto)")
    module = names(newton)
    with newton.executor.precision():
        hypers = newton.executor.cast(perturbed(newton))
        data = newton.executor.data(0)
        start, _ = module.training(hypers, 0, *data)
        batch = [module.minibatch(*data, 0, 0)] if data else []
        draws = np.random.default_rng(0)
        adjoint = {k: jax.tree.map(lambda x: jnp.asarray(draws.normal(size=x.shape)), v) for k, v in start.items()}
        adjoint["hypers"] = rt.zeros_like(hypers)
        state = jax.tree.map(lambda x: x + 0.1 * jnp.asarray(np.abs(draws.normal(size=x.shape))), start)
        exact = module.reverse_step(state, state, adjoint, hypers, *batch, 2)
        gentle = module.reverse_step_gauss_newton(state, state, adjoint, hypers, *batch, 2)
        for name, expected in exact["hypers"].items():
            np.testing.assert_allclose(gentle["hypers"][name], expected, rtol=1e-9, atol=1e-14)
        for name in exact:
            a, b = ravel_pytree(gentle[name])[0], ravel_pytree(exact[name])[0]
            if name == "w":
                assert not np.allclose(a, b, rtol=1e-6, atol=0)
            elif name != "hypers":
                np.testing.assert_allclose(a, b, rtol=1e-9)


def test_gauss_newton_product_equals_dense_matrices() -> None:
    """J^T H J u with the Jacobian of the outputs and the Hessian of the loss as dense matrices."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    program = compiled("l2_by_input", "tune.reverse=drmad(knots: 2, curvature: gauss_newton)")
    module = names(program)
    with program.executor.precision():
        hypers = program.executor.cast(perturbed(program))
        (data,) = program.executor.data(0)
        batch = module.minibatch(data, 0, 0)
        w, unravel = ravel_pytree(module.init(hypers, 0))
        direction = jnp.asarray(np.random.default_rng(0).normal(size=w.shape))

        def outputs(w: jax.Array) -> jax.Array:
            return jnp.ravel(module.model_outputs(unravel(w), batch))

        def loss(z: jax.Array, w: jax.Array) -> jax.Array:
            value: jax.Array = module.loss_of_outputs(z.reshape(-1, 10), unravel(w), hypers["l2"], batch)
            return value

        jacobian = jax.jacobian(outputs)(w)
        inner = jax.hessian(loss)(outputs(w), w)
        w_fixed = w
        penalty = jax.jvp(lambda w: jax.grad(loss, 1)(outputs(w_fixed), w), (w,), (direction,))[1]
        expected = jacobian.T @ (inner @ (jacobian @ direction)) + penalty
        product, _ = rt.gauss_newton(
            lambda w: module.model_outputs(w, batch),
            lambda z, w, l2: module.loss_of_outputs(z, w, l2, batch),
            unravel(w),
            unravel(direction),
            hypers["l2"],
        )
        np.testing.assert_allclose(ravel_pytree(product)[0], expected, rtol=1e-9, atol=1e-12)


def test_coarse_steps_with_every_step_are_all_of_them() -> None:
    steps = compiled("l2_by_input").ir.steps
    program = compiled("l2_by_input", f"tune.reverse=drmad(knots: 3, steps: {steps})")
    whole = compiled("l2_by_input", "tune.reverse=drmad(knots: 3)")
    hypers = perturbed(program)
    expected = whole.hypergradient(hypers, 1).gradient
    assert_equal_gradients(program.hypergradient(hypers, 1).gradient, expected, 1e-10)


def test_progress_with_a_knot_at_every_state_is_exact() -> None:
    steps = compiled("own_rule").ir.steps
    program = compiled("own_rule", f"tune.reverse=drmad(knots: {steps + 1}, progress: on)")
    hypers = perturbed(program)
    _, expected = unrolled_gradient(compiled("own_rule"), hypers, 1)
    assert_equal_gradients(program.hypergradient(hypers, 1).gradient, expected, 1e-10)


def test_published_procedure_equals_a_twin_in_plain_loops() -> None:
    """The authors' loop, step by step: K = T/10 points at linspace(.001, .999, K), the first K minibatches."""
    import jax

    program = compiled("l2_by_input", "train.steps=40", "tune.reverse=drmad(paper)")
    exact = compiled("l2_by_input", "train.steps=40")
    hypers = perturbed(program)
    module = names(exact)
    with exact.executor.precision():
        h = exact.executor.cast(hypers)
        (data,) = exact.executor.data(1)
        start, forward_step = module.training(h, 1, data)
        state = start
        for t in range(40):
            state = forward_step(state, t)
        d_w = jax.grad(module.objective)(state["w"], data)
        adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": rt.zeros_like(h)}
        for i, beta in reversed(list(enumerate(np.linspace(0.001, 0.999, 4)))):
            w = (1 - beta) * start["w"] + beta * state["w"]
            batch = module.minibatch(data, 1, i)
            adjoint = module.reverse_step({"w": w}, {"w": w}, adjoint, h, batch, i)
    assert_equal_gradients(program.hypergradient(hypers, 1).gradient, adjoint["hypers"], 1e-10)


NEAR = {  # the least cosine with the exact hypergradient, 8 steps of a small model
    "reverse_exact": 1 - 1e-12,
    "reverse_reversible": 1 - 1e-6,
    "reverse_forward": 1 - 1e-12,
    "reverse_naive": 1 - 1e-9,
    "reverse_guarded": 0.99,
    "reverse_flow": 0.95,
    "reverse_gauss_newton": 0.95,
    "reverse_neumann": 0.9,
    "reverse_implicit": 0.7,
    "reverse_published": 0.7,
    "reverse_truncated": 0.5,
    "reverse_one_step": 0.1,
}


def test_every_strategy_has_a_golden() -> None:
    assert {path.stem for path in (CASES / "ok").glob("reverse_*.drm")} == set(NEAR)


@pytest.mark.parametrize("case", NEAR)
def test_emitted_strategy_is_near_the_exact_gradient(case: str) -> None:
    program = compiled(case)
    exact = compiled(case, "tune.reverse=exact(store)")
    found = program.hypergradient(program.hypers, 1)
    expected = exact.hypergradient(exact.hypers, 1)
    assert found.value == pytest.approx(expected.value, rel=1e-4)
    a, b = flat(found.unconstrained), flat(expected.unconstrained)
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= NEAR[case]


def test_one_step_moves_the_hyperparameters_inside_a_run() -> None:
    """Two rounds of four steps, against the same rounds taken by hand."""
    program = compiled("reverse_one_step")
    executor = program.executor
    module = names(program)
    start = UpdateRule(executor, executor.program.stages[0]).start(program.hypers)
    _, moved, value = executor.online(start, 0)
    with executor.precision():
        (data,) = executor.data(0)
        tune_state, hypers = start, executor.cast(program.hypers)
        state, _ = module.training(hypers, 0, data)
        for round_ in range(2):
            _, forward_step = module.training(hypers, 0, data)
            for t in range(4 * round_, 4 * round_ + 3):
                state = forward_step(state, t)
            state, expected, d_hypers = module.hypergradient_of_step(state, hypers, 0, data, 4 * round_ + 3)
            free = rt.Tree(rt.reverse_constrain(module.DOMAINS, hypers, d_hypers))
            tune_state = module.tune_step(tune_state, free, round_)
            hypers = rt.constrain(module.DOMAINS, tune_state["w"])
    assert value == pytest.approx(float(expected), rel=1e-12)
    for name in moved["w"]:
        np.testing.assert_allclose(moved["w"][name], tune_state["w"][name], rtol=1e-12)


def test_the_guard_switches_and_keeps_the_size() -> None:
    """A long straight line on which the adjoint explodes by 10^18: guarded, its size stays below the exact one's."""
    overrides = ("train.steps=400", "rate=1", "l2=0.001")
    sizes = {}
    for reverse in ("exact(store)", "drmad(knots: 2)", "drmad(knots: 2, curvature: auto)"):
        program = compiled("reverse_guarded", *overrides, f"tune.reverse={reverse}")
        found = program.hypergradient(program.hypers)
        sizes[reverse] = np.linalg.norm(flat(found.unconstrained))
    assert found.stats["fallback_step"] == 400
    assert sizes["drmad(knots: 2)"] > 1e6 * sizes["exact(store)"]
    assert sizes["drmad(knots: 2, curvature: auto)"] < 10 * sizes["exact(store)"]


def served(case: str) -> list[str]:
    """Every form of the language that serves a case; Exact(...) by name, since its settings are the compiler's."""
    known = facts(compiled(case).ir)
    return list(dict.fromkeys(s.text for s in (*candidates(known), Naive()) if s.unsupported(known) is None))


@pytest.mark.long
@pytest.mark.parametrize("case", LATER)
def test_every_strategy_serves_the_later_kinds(case: str) -> None:
    """Exact forms agree with the recorded path; approximations give a finite gradient of every hyperparameter."""
    stored = compiled(case, "tune.reverse=exact(store)")
    hypers = perturbed(stored)
    expected = stored.executor.evaluate(hypers, 1)
    for text in served(case):
        if text.startswith("one_step") and case == "stages":
            continue  # moves hyperparameters inside a run, which has one stage
        program = compiled(case, f"{'whole' if case == 'stages' else 'tune'}.reverse={text}")
        found = program.executor.evaluate(hypers, 1)
        assert found.finite, text
        assert set(found.gradient) == set(expected.gradient)
        if program.emitted.policy.exact:
            tolerance = 1e-3 if "reversible" in text else 1e-9
            assert_equal_gradients(found.gradient, expected.gradient, tolerance)
