"""How long a person waits: `drmadc --help`, `check`, the first line and first result of a run, with and without caches.

python benchmarks/start.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

SPEC = Path(__file__).parent.parent / "specs" / "drmad" / "l2.drm"


def first_result(caches: Path) -> tuple[float, float]:
    """Seconds to the first line, and to the first row of the table."""
    command = [sys.executable, "-m", "drmadc", "run", str(SPEC), "tune.steps=1", "--out", tempfile.mkdtemp()]
    folders = {"XDG_CACHE_HOME": str(caches / "jax"), "NUMBA_CACHE_DIR": str(caches / "numba"), "PYTHONUNBUFFERED": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **folders}
    )
    assert process.stdout is not None
    line = row = 0.0
    for text in process.stdout:
        line = line or time.perf_counter() - start
        if text.startswith("    0 "):
            row = time.perf_counter() - start
    process.wait()
    return line, row


def main() -> None:
    """Print medians of five."""
    for words in (["--help"], ["check", str(SPEC)]):
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "drmadc", *words], stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - start)
        print(f"{words[0]}: {median(seconds):.2f} s")
    cold = [first_result(Path(tempfile.mkdtemp())) for _ in range(3)]
    there = Path(tempfile.mkdtemp())
    warm = [first_result(there) for _ in range(4)][1:]
    for name, found in (("no caches", cold), ("caches of a run before", warm)):
        lines, rows = zip(*found, strict=True)
        print(f"{name}: first line {median(lines):.1f} s, first result {median(rows):.1f} s (medians of 3)")


if __name__ == "__main__":
    main()
