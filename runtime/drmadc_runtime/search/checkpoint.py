"""Where the search stands, on disk: the searcher's state, and how much is recorded."""

import io
import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from drmadc_common.run_folder import DamagedRun
from drmadc_runtime.core.archives import read_bytes, unzipped, zipped
from drmadc_runtime.search.base import SearchState

FORMAT = 3
DIGEST = 64  # hexadecimal digits of SHA-256


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
    """A checkpoint as the bytes of a .npz file, whose comment, its last bytes, is the SHA-256 of all before it.

    The members' own checksums cover neither their names nor the table of members: a flipped bit there can hide one.
    """
    state = checkpoint.state
    about = {"format": FORMAT, "steps": checkpoint.steps, "points": checkpoint.points, "data": state.data}
    arrays = {f"array {name}": values for name, values in state.arrays.items()}
    file = io.BytesIO(zipped({"about": np.array(json.dumps(about)), **arrays}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"0" * DIGEST
    data = file.getvalue()[:-DIGEST]
    return data + _digest(data)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file.

    Raises:
        DamagedRun: it is missing or damaged, or of another format.
    """
    again = "start the run again"
    if not path.exists():
        raise DamagedRun(path, "it is missing: the run was interrupted before its first step", again)
    data = read_bytes(path, again)
    try:
        arrays = unzipped(data)
        about = json.loads(str(arrays.pop("about")))
        found = about.get("format", 1)
        if found == FORMAT and data[-DIGEST:] != _digest(data[:-DIGEST]):
            raise ValueError("its checksum does not match")
    except (KeyError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedRun(path, str(error), again) from error
    if found != FORMAT:
        reason = f"it has checkpoint format {found}, but this version of drmadc reads format {FORMAT}"
        raise DamagedRun(path, reason, f"resume with the version that wrote it, or {again}")
    state = SearchState({name.removeprefix("array "): values for name, values in arrays.items()}, about["data"])
    return Checkpoint(state, about["steps"], about["points"])


def _digest(data: bytes) -> bytes:
    return sha256(data).hexdigest().encode()
