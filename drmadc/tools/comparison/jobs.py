"""Runs commands as processes, some at a time; a signal is passed on to all of them, and all are awaited."""

import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PAUSE = 0.05
KILLED_AT = 3


@dataclass(frozen=True, slots=True)
class Job:
    """A command.

    Attributes:
        name: for whoever is told.
        command: the program and its arguments.
        log: file for what it prints; None lets it print where this process does.
    """

    name: str
    command: tuple[str, ...]
    log: Path | None


@dataclass(slots=True)
class _Signals:
    """Signals that have come: how many, and the last one."""

    count: int = 0
    last: int = 0


def run_jobs(
    jobs: Sequence[Job],
    at_once: int,
    environment: Mapping[str, str],
    begun: Callable[[Job], None],
    ended: Callable[[Job, int], None],
) -> int:
    """Run all jobs, at most so many at once.

    After a signal no other job is begun. The first one asks those at work to stop, the second to stop at once, the
    third kills them; this returns when all have ended.

    Args:
        begun: is told of each job that begins.
        ended: is told of each job that ends, and its exit code; negative for one that a signal has ended.

    Returns:
        The number of the last signal that came, 0 for none.
    """
    waiting, working = deque(jobs), dict[str, tuple[Job, subprocess.Popen[bytes]]]()
    passed = 0
    with _noted() as signals:
        try:
            while working or (waiting and not signals.count):
                while waiting and len(working) < at_once and not signals.count:
                    job = waiting.popleft()
                    begun(job)
                    working[job.name] = job, _started(job, environment)
                for name, (job, process) in list(working.items()):
                    code = process.poll()
                    if code is not None:
                        del working[name]
                        ended(job, code)
                if signals.count > passed:
                    passed = signals.count
                    for _, process in working.values():
                        process.kill() if passed >= KILLED_AT else process.send_signal(signal.SIGINT)
                time.sleep(PAUSE)
        finally:  # whatever happens here, nothing goes on unseen
            for _, process in working.values():
                process.terminate()
            for _, process in working.values():
                process.wait()
    return signals.last


def _started(job: Job, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """A session of its own keeps the terminal's Ctrl-C away: it comes from here, once."""
    if job.log is None:
        return subprocess.Popen(job.command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


@contextmanager
def _noted() -> Iterator[_Signals]:
    """While this lasts, signals that ask to stop are counted instead of obeyed."""
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def note(number: int, frame: FrameType | None) -> None:
        signals.count += 1
        signals.last = number

    asking = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, note) for number in asking}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
