"""Goldens of differences: what changed, what is gone, and where the order differs."""

from tests.differing import differing_statements

BASE = '''"""base: a module."""

A = 1  # base.drm:3
B = 2


def f():
    return A


def g():
    return B
'''


def test_names_and_line_numbers_of_the_spec_are_no_difference() -> None:
    other = BASE.replace("base: ", "other: ").replace("base.drm:3", "other.drm:7")
    assert differing_statements(other, "other", BASE, "base").splitlines() == [
        "# other: the statements that differ from base's module",
        "",
        "",
    ]


def test_changed_and_new_statements_are_whole_and_absent_ones_are_named() -> None:
    other = BASE.replace("B = 2", "# why\nB = 3").replace("def g():\n    return B", "def h():\n    return B")
    text = differing_statements(other, "other", BASE, "base")
    assert "# without g\n" in text
    assert text.endswith("\n\n# why\nB = 3\n\ndef h():\n    return B\n")
    assert "def f" not in text


def test_another_order_is_told() -> None:
    other = BASE.replace("A = 1  # base.drm:3\nB = 2", "B = 2\nA = 1  # other.drm:3")
    assert "# in the order docstring, B, A, f, g" in differing_statements(other, "other", BASE, "base")
