"""Amounts as messages write them, and the levels of the recursion."""

import pytest

from drmadc_common.amounts import bytes_of, bytes_text, count_text, duration_text
from drmadc_common.recursion import recursion_levels


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (999_499, "999 KB"),
        (999_500, "1 MB"),
        (21_440_000, "21.4 MB"),
        (2e9, "2 GB"),
        (3.2e12, "3.2 TB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert bytes_text(count) == text


def test_bytes_as_a_spec_writes_them() -> None:
    assert bytes_of("2.5", "GB") == 2_500_000_000
    assert bytes_of("1", "KB") == 1000


def test_counts() -> None:
    assert [count_text(n, "step") for n in (0, 1, 1234)] == ["0 steps", "1 step", "1,234 steps"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.254, "0.25 s"), (59, "59 s"), (60, "1 min"), (7140, "119 min"), (7200, "2.0 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize("arity", [2, 3, 4, 10])
def test_recursion_levels(arity: int) -> None:
    for steps in (1, 2, 3, 4, 5, 8, 9, 16, 17, 1000, 1001):
        levels = recursion_levels(steps, arity)
        assert levels >= 1
        assert arity**levels >= steps
        assert levels == 1 or arity ** (levels - 1) < steps
