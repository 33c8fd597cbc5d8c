"""Domains: each bijector against its inverse, its range and its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc_runtime.core.domains import Domain, OutsideDomain, require_inside

DOMAINS = {"real": rt.real, "positive": rt.positive, "unit": rt.unit}


@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain_is_a_bijector_with_its_derivative_as_adjoint(name: str) -> None:
    domain = DOMAINS[name]
    with jax.enable_x64(True):
        free = jnp.array([-3.0, -0.5, 0.0, 1.25, 4.0])
        values = domain.constrain(free)
        np.testing.assert_allclose(domain.unconstrain(values), free, rtol=1e-13, atol=1e-14)
        d_values = jnp.array([1.0, -2.0, 0.5, 3.0, -1.5])
        _, pull = jax.vjp(domain.constrain, free)
        np.testing.assert_allclose(domain.adjoint(values, d_values), pull(d_values)[0], rtol=1e-13)


def test_values_lie_in_their_domain() -> None:
    free = {name: jnp.array([-9.0, 0.0, 9.0]) for name in DOMAINS}
    values = rt.constrain(DOMAINS, free)
    assert list(values) == list(DOMAINS)
    np.testing.assert_array_equal(values["real"], free["real"])
    assert values["positive"].min() > 0
    assert values["unit"].min() > 0
    assert values["unit"].max() < 1


def test_a_program_needs_one_entry_for_each_hyperparameter() -> None:
    domains: dict[str, Domain] = {"l2": rt.positive}
    with pytest.raises(KeyError):
        rt.unconstrain(domains, {"rate": jnp.array(1.0)})


def test_values_outside_a_domain_are_named_with_their_place() -> None:
    domains = {"rate": rt.positive, "momentum": rt.unit, "shift": rt.real}
    inside = {"rate": jnp.array([0.1, 2]), "momentum": jnp.array(0.5), "shift": jnp.array(-3.0)}
    require_inside(domains, inside)
    with pytest.raises(OutsideDomain, match=r"`rate` is outside its domain\n  rate\[1\] is -2\n  try: bound it"):
        require_inside(domains, inside | {"rate": jnp.array([0.1, -2])})
    with pytest.raises(OutsideDomain, match=r"momentum is 1\n"):
        require_inside(domains, inside | {"momentum": jnp.array(1.0)})


def test_negative_rates_are_refused_before_anything_is_trained() -> None:
    text = """
    params w: real[3] = 0.4
    hyper rate: positive[step] = 0.1 + normal(1)
    train { loss = sum(w ^ 2)  update = sgd(rate: rate)  steps = 9 }
    tune { minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 2 }
    """
    program = drmadc.compile_text(text)
    with pytest.raises(OutsideDomain, match=r"rate\[\d\] is -[\d.]+, and \d more"):
        _ = program.hypers
