"""Where the search stands, on disk: the searcher's state, and how much is recorded."""

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drmadc_runtime.search.base import SearchState

FORMAT = 2


class BadCheckpoint(RuntimeError):
    """A checkpoint that is missing, damaged, or not ours to read."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a run needs to go on bit for bit.

    Attributes:
        state: of the searcher.
        steps: outer steps that are recorded by then.
        points: points of the sweep that are recorded by then.
    """

    state: SearchState
    steps: int = 0
    points: int = 0


def packed(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as the bytes of a .npz file."""
    state = checkpoint.state
    about = {"format": FORMAT, "steps": checkpoint.steps, "points": checkpoint.points, "data": state.data}
    arrays = {f"array {name}": values for name, values in state.arrays.items()}
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file.

    Raises:
        BadCheckpoint: it is missing or damaged, or of another format.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            found = about.get("format", 1)
            if found == FORMAT:
                arrays = {name.removeprefix("array "): file[name] for name in file.files if name != "about"}
                return Checkpoint(SearchState(arrays, about["data"]), about["steps"], about["points"])
    except FileNotFoundError:
        raise BadCheckpoint(f"{path.parent} has no checkpoint: the run was interrupted before its first step") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error) or type(error).__name__
        raise BadCheckpoint(f"{path} is corrupt ({reason}); start the run again") from error
    raise BadCheckpoint(
        f"{path} has checkpoint format {found}, but this version of drmadc reads format {FORMAT}: resume with the "
        "version that wrote it, or start the run again"
    )
