"""Runs the shipped specs in full and writes the table of specs/README.md from what the runs recorded.

    python benchmarks/gallery.py                     # every spec that has no run in --runs yet, then the table
    python benchmarks/gallery.py specs/hypergrad     # only these
    python benchmarks/gallery.py --table             # only the table

A spec says in comments at its head what is tuned, its source and the published figures; its `expect` lines say what is
compared. Times are those of the whole command, on the machine that the page names.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import drmadc
from drmadc.compiler.passes.strategy.cost import hyper_count
from drmadc_runtime.run.expectations import outcomes

ROOT = Path(__file__).parent.parent
MARK = "<!-- written by benchmarks/gallery.py -->"


def specs(paths: list[Path]) -> list[Path]:
    """Every .drm file under the given paths."""
    found = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.drm"))]
    return sorted(file.resolve().relative_to(ROOT) for file in found)


def run(spec: Path, folder: Path) -> None:
    """Run one spec as a user would, and note how long it took."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{spec} ...", end=" ", flush=True)
    start = time.perf_counter()
    command = [sys.executable, "-m", "drmadc", "run", str(spec), "--quiet", "--out", str(folder / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    print(f"{seconds:.0f} s, exit code {done.returncode}")
    if done.returncode:
        print(done.stderr)
        return
    (folder / "seconds").write_text(f"{seconds:.0f}\n")


def head(spec: Path) -> dict[str, str]:
    """The comments at the head of a spec: `what`, `source`, `published`."""
    found: dict[str, str] = {"what": "", "source": "", "published": ""}
    key = "what"
    for line in (ROOT / spec).read_text().splitlines():
        if not line.startswith("# "):
            break
        text = line[2:]
        for name in ("source", "published"):
            if text.startswith(f"{name}: "):
                key, text = name, text.removeprefix(f"{name}: ")
        found[key] = f"{found[key]} {text}".strip()
    return found


def lines_of(path: Path) -> list[dict[str, float]]:
    """The records of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def row(spec: Path, folder: Path) -> str:
    """One row of the table."""
    program = drmadc.compile_file(ROOT / spec)
    about = head(spec)
    arms = folder / "run" / "retrain.json"
    found = outcomes(
        program.emitted,
        lines_of(folder / "run" / "metrics.jsonl"),
        json.loads(arms.read_text()) if arms.exists() else {},
        lines_of(folder / "run" / "sweep.jsonl"),
    )
    here = "<br>".join(f"`{o.text}`: {o.found}{'' if o.holds else ' (**not as expected**)'}" for o in found)
    seconds = (folder / "seconds").read_text().strip() if (folder / "seconds").exists() else "?"
    name = spec.relative_to("specs").as_posix()
    cells = (f"[{name}]({name})", about["source"], about["what"], f"{hyper_count(program.ir):,}")
    return f"| {' | '.join((*cells, about['published'], here, f'{seconds} s'))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "specs"])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "gallery", help="where the runs are kept")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    if not options.table:
        for spec in specs(options.paths):
            folder = options.runs / spec.relative_to("specs").with_suffix("")
            if not (folder / "seconds").exists():
                run(spec, folder)
    rows = []
    for spec in specs([ROOT / "specs"]):
        folder = options.runs / spec.relative_to("specs").with_suffix("")
        if (folder / "seconds").exists():
            rows.append(row(spec, folder))
        else:
            print(f"no run of {spec}: not in the table")
    page = ROOT / "specs" / "README.md"
    text = page.read_text()
    table = [
        "| spec | source | what is tuned | hyperparameters | published | expected: found here | time |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    page.write_text(text[: text.index(MARK) + len(MARK)] + "\n\n" + "\n".join(table) + "\n")


if __name__ == "__main__":
    main()
