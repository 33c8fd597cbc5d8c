"""Ctrl-C and SIGTERM: the outer step under way is finished and saved; a second signal stops at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class Stopped(Exception):
    """A run that was asked to stop, after a step that is saved. `code` is the exit code that shells expect."""

    def __init__(self, path: Path, number: int, outer: int) -> None:
        super().__init__(f"interrupted before outer step {outer}; resume with: drmadc resume {path}")
        self.code = 128 + number


class Request:
    """The signal that asked for a stop; 0 for none."""

    number = 0


@contextmanager
def asked_to_stop() -> Iterator[Request]:
    """While this lasts, the first SIGINT or SIGTERM is noted, and the second one is a KeyboardInterrupt."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.number:
            raise KeyboardInterrupt
        request.number = number
        print("\nstopping after this outer step; press Ctrl-C again to stop now", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
