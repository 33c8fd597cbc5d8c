"""Groups of runs as a user meets them: processes, failures, signals, going on; seeds and devices of single runs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import drmadc
from drmadc.tools.comparison.jobs import Job, run_jobs
from drmadc_runtime.core.device import NoDevice, use
from tests.unit.cli.test_cli import drmadc_command

SPEC = """
params w: real[3] = [0.5, -0.4, 0.9]
hyper aim: real[3] = normal(1)
hyper rate: positive = 0.05
train { loss = sum((w - aim) ^ 2)  update = sgd(rate: rate)  steps = 6 }
tune { minimize = sum(w ^ 2)  update = adam(rate: 0.1)  steps = 2  confirm = 0 }
report { size = sum(w ^ 2) }
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "s.drm").write_text(SPEC)
    return tmp_path


def job(name: str, code: str) -> Job:
    return Job(name, (sys.executable, "-c", code), None)


def run(jobs: list[Job], at_once: int, begun: Callable[[Job], None] = lambda job: None) -> tuple[dict[str, int], int]:
    codes: dict[str, int] = {}
    number = run_jobs(jobs, at_once, os.environ, begun, lambda job, code: codes.update({job.name: code}))
    return codes, number


def test_jobs_run_some_at_a_time_and_a_failed_one_keeps_none_from_running(tmp_path: Path) -> None:
    count = (
        "import os, time, pathlib\n"
        f"alive = pathlib.Path({str(tmp_path / 'alive')!r}); mine = alive / str(os.getpid()); mine.touch()\n"
        "time.sleep(0.3)\n"
        "(alive.parent / (mine.name + '.txt')).write_text(str(len(list(alive.iterdir()))))\n"
        "mine.unlink()"
    )
    (tmp_path / "alive").mkdir()
    failing = [job("a", "exit(3)"), job("b", "import os; os.kill(os.getpid(), 9)")]
    codes, number = run([*failing, *(job(str(i), count) for i in range(4))], 2)
    assert codes == {"a": 3, "b": -9, "0": 0, "1": 0, "2": 0, "3": 0}
    assert number == 0
    alive = [int(path.read_text()) for path in tmp_path.glob("*.txt")]
    assert len(alive) == 4
    assert max(alive) <= 2


def test_a_signal_reaches_each_job_once_and_no_other_begins(tmp_path: Path) -> None:
    """The first asks, as the second would stop a run in the middle of a step."""
    waiting = (
        "import signal, sys, time, pathlib; seen = []; signal.signal(signal.SIGINT, lambda *_: seen.append(1)); "
        f"pathlib.Path({str(tmp_path)!r}, sys.argv[0] + str(time.time())).touch()\n"
        "while not seen: time.sleep(0.02)\n"
        "time.sleep(0.4); sys.exit(100 + len(seen))"
    )
    before = signal.getsignal(signal.SIGINT)

    def stop() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    stopping = threading.Thread(target=stop)
    stopping.start()
    codes, number = run([job(name, waiting) for name in "abc"], 2)
    stopping.join()
    assert codes == {"a": 101, "b": 101}
    assert number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before


def test_the_third_signal_kills(tmp_path: Path) -> None:
    deaf = (
        f"import signal, time, pathlib; signal.signal(2, signal.SIG_IGN); pathlib.Path({str(tmp_path / 'a')!r}).touch()"
    )

    def stop() -> None:
        while not (tmp_path / "a").exists():
            time.sleep(0.02)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    stopping = threading.Thread(target=stop)
    stopping.start()
    codes, number = run([job("a", f"{deaf}; time.sleep(60)")], 1)
    assert (codes, number) == ({"a": -signal.SIGKILL}, signal.SIGINT)
    stopping.join()


def test_jobs_are_ended_when_this_process_fails() -> None:
    started: list[float] = []

    def begun(job: Job) -> None:
        started.append(time.monotonic())
        if job.name == "b":
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run([job("a", "import time; time.sleep(60)"), job("b", "")], 2, begun)
    assert time.monotonic() - started[0] < 30


def test_a_product_of_seeds_and_settings_with_a_failure(here: Path) -> None:
    words = ("run", "s.drm", "--seeds", 2, "--set", "rate=0.05,1e30", "--jobs", 2, "--out", "g")
    done = drmadc_command(*words, cwd=here)
    assert done.returncode == 3
    names = ["rate=0.05_seed=0", "rate=0.05_seed=1", "rate=1e30_seed=0", "rate=1e30_seed=1"]
    assert sorted(path.name for path in (here / "g").iterdir() if path.is_dir()) == names
    assert "rate=1e30_seed=0: failed: " in done.stderr
    assert "g: 2 of 4 runs done; failed: rate=1e30_seed=0, rate=1e30_seed=1" in done.stderr
    assert "2 runs: 1 setting, 2 seeds each" in done.stdout
    about = json.loads((here / "g" / names[1] / "run.json").read_text())
    assert (about["seed"], about["overrides"]) == (1, ["rate=0.05", "train.seed=1"])
    single = drmadc_command("run", "s.drm", "rate=0.05", "--seed", 1, "--quiet", "--out", "single", cwd=here)
    assert single.returncode == 0, single.stderr
    metrics = [(here / path / "metrics.jsonl").read_bytes() for path in ("single", f"g/{names[1]}", f"g/{names[0]}")]
    assert metrics[0] == metrics[1] != metrics[2]
    listed = drmadc_command("runs", "g", cwd=here).stdout
    assert len([line for line in listed.splitlines() if "0/2 failed" in line]) == 2


def test_a_group_goes_on_with_what_is_missing(here: Path) -> None:
    first = drmadc_command("run", "s.drm", "tune.steps=3", "--seeds", 2, "--quiet", "--out", "g", cwd=here)
    assert (first.returncode, first.stdout) == (0, "")
    kept = (here / "g" / "seed=0" / "metrics.jsonl").stat().st_mtime_ns
    whole = (here / "g" / "seed=1" / "metrics.jsonl").read_bytes()
    (here / "g" / "seed=1" / "result.json").unlink()  # as if it had been stopped before its first checkpoint
    (here / "g" / "seed=1" / "checkpoint.npz").unlink()
    (here / "s.drm").write_text(SPEC.replace("steps = 6", "steps = 7"))  # the group runs the text it was started with
    resumed = drmadc_command("resume", "g", cwd=here)
    assert resumed.returncode == 0, resumed.stderr
    assert "seed=1: done, best step" in resumed.stdout
    assert "== seed=0" not in resumed.stdout
    assert (here / "g" / "seed=1" / "metrics.jsonl").read_bytes() == whole
    assert (here / "g" / "seed=0" / "metrics.jsonl").stat().st_mtime_ns == kept
    (here / "g" / "seed=1" / "result.json").unlink()  # as if it had been stopped behind a checkpoint
    again = drmadc_command("resume", "g", cwd=here)
    assert again.returncode == 0, again.stderr
    assert (here / "g" / "seed=1" / "metrics.jsonl").read_bytes() == whole
    other = drmadc_command("run", "s.drm", "--seeds", 2, "--out", "g", cwd=here)
    assert other.returncode == 2
    assert "g holds runs of another text of s.drm" in other.stderr
    (here / "s.drm").write_text(SPEC)
    wider = drmadc_command("run", "s.drm", "tune.steps=3", "--seeds", 3, "--json", "--out", "g", cwd=here)
    assert wider.returncode == 0, wider.stderr
    events = [json.loads(line) for line in wider.stdout.splitlines()]
    assert [event["name"] for event in events if event["event"] == "run"] == ["seed=2"]
    assert events[-1] == {"event": "ended", "name": "seed=2", "state": "done"}
    assert "is a group of runs; choose one, for example g/seed=0" in drmadc_command("show", "g", cwd=here).stderr


def test_ctrl_c_stops_all_and_each_can_go_on(here: Path) -> None:
    words = ("run", "s.drm", "tune.steps=100000", "--seeds", "3", "--jobs", "2", "--out", "g")
    command = [sys.executable, "-m", "drmadc", *words]
    begun = [here / "g" / f"seed={seed}" / "metrics.jsonl" for seed in (0, 1)]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as group:
        while group.poll() is None and not all(path.exists() for path in begun):
            time.sleep(0.1)
        busy = drmadc_command("resume", "g", cwd=here)
        group.send_signal(signal.SIGINT)
        _, errors = group.communicate(timeout=120)
    assert busy.returncode == 3
    assert "another process is running g" in busy.stderr
    assert group.returncode == 130
    assert "interrupted: 0 of 3 runs done; resume with: drmadc resume g" in errors
    assert not (here / "g" / "seed=2").exists()
    for path in begun:  # each has finished its step, saved it, and let go of its folder
        assert "interrupted before outer step" in Path(f"{path.parent}.log").read_text()
        assert (path.parent / "checkpoint.npz").exists()
        assert not (path.parent / ".lock").exists()


def test_mistakes_are_met_before_the_first_run(here: Path) -> None:
    for words, code, message in (
        (("--set", "l3=0.1,0.2"), 1, "l3"),
        (("--set", "rate=0.1,-1"), 1, "-1 is outside the domain of `rate`"),
        (("--set", "rate"), 2, "`rate` is not a setting; write for example l2=0.01,0.1"),
        (("--seeds", "2", "--check"), 2, "take one spec, without --check"),
        (("--device", "tpu:3"), 2, "no device `tpu:3`; this machine has "),
    ):
        done = drmadc_command("run", "s.drm", *words, "--out", "g", cwd=here)
        assert done.returncode == code, done.stderr
        assert message in done.stderr
        assert not (here / "g").exists()


def test_a_device_by_its_number(tmp_path: Path) -> None:
    program = (
        "from drmadc_runtime.core.device import current, use\nimport jax, jax.numpy as jnp\n"
        "use('cpu:1')\nassert current().id == 1\n"
        "assert jax.jit(jnp.sin)(jnp.ones(3)).devices() == {current()}\n"
    )
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    with pytest.raises(NoDevice, match="no device `cpu:9`; this machine has cpu:0"):
        use("cpu:9")


def test_the_seed_of_a_run_is_in_its_folder(here: Path) -> None:
    program = drmadc.compile_file(here / "s.drm", ("train.seed=5",))
    program.run(out=here / "r", quiet=True)
    assert json.loads((here / "r" / "run.json").read_text())["seed"] == 5
    assert json.loads((here / "r" / "result.json").read_text())["steps"] == 2
