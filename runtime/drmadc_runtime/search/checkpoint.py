"""Where the outer loop stands, on disk: enough to go on bit for bit."""

import io
import json
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drmadc_runtime.program.executor import Arrays

Leaves = tuple[npt.NDArray[np.generic], ...]


class BadCheckpoint(RuntimeError):
    """A checkpoint that cannot be read."""


@dataclass(frozen=True)
class Point:
    """The next outer step: its number, its stage and its place there, and the hyperparameters that it starts with.

    `leaves` are the arrays of the outer update's state; None at the start of a stage. `norms` are those of the
    hypergradients of the stage.
    """

    hypers: Arrays
    stage: int = 0
    step: int = 0
    outer: int = 0
    leaves: Leaves | None = None
    norms: tuple[float, ...] = ()


def packed(point: Point) -> bytes:
    """A point as the bytes of a .npz file."""
    about = {
        "stage": point.stage,
        "step": point.step,
        "outer": point.outer,
        "leaves": None if point.leaves is None else len(point.leaves),
        "norms": [norm.hex() for norm in point.norms],
    }
    arrays = {f"hyper {name}": values for name, values in point.hypers.items()}
    leaves = {f"leaf {i}": values for i, values in enumerate(point.leaves or ())}
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(about)), **arrays, **leaves)  # type: ignore[arg-type]
    return file.getvalue()


def unpacked(data: bytes) -> Point:
    """The point that bytes hold.

    Raises:
        BadCheckpoint: they are damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            hypers = {name[6:]: file[name] for name in file.files if name.startswith("hyper ")}
            count = about["leaves"]
            leaves = None if count is None else tuple(file[f"leaf {i}"] for i in range(count))
        norms = tuple(float.fromhex(norm) for norm in about["norms"])
        return Point(hypers, about["stage"], about["step"], about["outer"], leaves, norms)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadCheckpoint(str(error) or type(error).__name__) from error
