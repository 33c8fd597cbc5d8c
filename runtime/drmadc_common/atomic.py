"""Files that are written whole or not at all: whoever reads one sees the old contents or the new."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside `target` for a file, folder or link, which takes its place when the block ends without an error.

    A rename within a folder is atomic, except over a folder: that is removed first.

    Raises:
        OSError: `target` cannot be replaced.
    """
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)  # of a process that was killed
    try:
        yield partial
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        os.replace(partial, target)
    except BaseException:
        _remove(partial)
        raise


def write_whole(target: Path, data: str | bytes) -> None:
    """Write a file whole or not at all; text as UTF-8. A link is followed, a file keeps its mode.

    What is no regular file, such as a pipe or a device, is written to and stays what it is.

    Raises:
        OSError: it cannot be written; IsADirectoryError where a folder is there.
    """
    data = data.encode() if isinstance(data, str) else data
    target = Path(os.path.realpath(target))
    mode = target.stat().st_mode if target.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb") as stream:
            stream.write(data)
        return
    with replacing(target) as partial:
        partial.write_bytes(data)
        if mode is not None:
            partial.chmod(stat.S_IMODE(mode))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
