"""Records behave as frozen dataclasses do."""

from typing import ClassVar

import pytest

from drmadc.common.record import Record


class Point(Record):
    kind: ClassVar[str] = "point"
    x: int
    y: int = 2


class Weighted(Point):
    weight: float = 1.0


def test_fields_by_place_by_name_and_by_default() -> None:
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert Weighted(1, weight=3.0) == Weighted(1, 2, 3.0)
    assert Point(1) != Weighted(1)
    assert hash(Point(1)) == hash(Point(1, 2))
    assert Point.kind == Weighted(0).kind == "point"


@pytest.mark.parametrize(("args", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_wrong_fields_are_refused(args: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point takes"):
        Point(*args, **named)


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        Point(1).x = 3  # type: ignore[misc]
