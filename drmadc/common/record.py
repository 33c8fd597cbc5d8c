"""Immutable records without generated code."""

from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """A base class whose subclasses are frozen dataclasses to the type checker: annotated fields in order, base first.

    `@dataclass` compiles half a dozen methods for each class. For the 200 classes of diagnostics, most of which no run
    ever needs, that was a fifth of the time that `drmadc check` takes.
    """

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = (name for name, kind in cls.__annotations__.items() if not _of_class(kind))
        cls._fields = (*cls._fields, *own)

    def __init__(self, *args: Any, **named: Any) -> None:
        values = dict(zip(self._fields, args, strict=False)) | named
        missing = [name for name in self._fields if name not in values and not hasattr(type(self), name)]
        if missing or len(values) != len(args) + len(named) or not values.keys() <= set(self._fields):
            raise TypeError(f"{type(self).__name__} takes ({', '.join(self._fields)}), not {args} and {named}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map('{}={!r}'.format, self._fields, self._values()))})"

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self._fields)


def _of_class(annotation: object) -> bool:
    return str(annotation).startswith("typing.ClassVar")
