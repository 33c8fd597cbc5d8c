"""What tests of the runtime share."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """JAX with double precision."""
    with jax.enable_x64(True):
        yield
