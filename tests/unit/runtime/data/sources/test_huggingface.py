"""Data sets of the Hugging Face hub, from a hub on this machine: said before, fetched once, then without a network."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets", reason="needs the extra `huggingface`")

COMMIT = "a" * 40
HEAD = b"x0,label\n"
FILES = {
    "train.csv": HEAD + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(12)),
    "validation.csv": HEAD + b"7,1\n8,0\n9,1\n10,0\n",
    "README.md": b"---\nlicense: mit\n---\n",
}
SPEC = """
data d {{
  source = huggingface("me/tiny", x0: class[12], label: class[2], train: 12, valid: {valid})
  x: real[12] = one_hot(x0)
  y: class[2] = label
  split = {{ train: 12, valid: {valid} }}
}}
model m(v: real[12]) -> real[2] {{ return dense(v, 2) }}
hyper l2: positive = 0.01
train {{
  init   = {{ weights: normal(0.05), biases: 0 }}
  loss   = cross_entropy(m(x), y) + l2 * sum(m.weights ^ 2)
  update = sgd(rate: 0.1)
  batch  = 4
  steps  = 3
}}
tune {{ minimize = cross_entropy(m(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """What the hub answers for one data set of three files."""

    asked: list[str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        type(self).asked.append(path)
        api = "/api/datasets/me/tiny"
        if path.startswith("/datasets/me/tiny/resolve/"):
            self.file(path.rpartition("/")[2])
        elif path == api or path.startswith(f"{api}/revision/"):
            self.json({"id": "me/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]})
        elif path == f"{api}/tree/{COMMIT}/data":
            self.json([])
        elif path == f"{api}/tree/{COMMIT}":
            self.json([{"type": "file", "path": n, "size": len(b), "oid": digest(b)} for n, b in FILES.items()])
        else:
            self.answer(404, b"")

    do_HEAD = do_GET

    def file(self, name: str) -> None:
        content = FILES.get(name, b"")
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest(content)}"'}
        if name in FILES:
            self.answer(200, content, headers)
        else:
            self.answer(404, b"", {**headers, "X-Error-Code": "EntryNotFound"})

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


def digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that knows this hub only."""
    Hub.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    server.shutdown()
    server.server_close()


def run(folder: Path, env: dict[str, str], *options: str, valid: int = 4) -> subprocess.CompletedProcess[str]:
    (folder / "tiny.drm").write_text(SPEC.format(valid=valid))
    command = [sys.executable, "-m", "drmadc", "run", "tiny.drm", *options]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_a_data_set_of_the_hub(hub: dict[str, str], tmp_path: Path) -> None:
    forbidden = run(tmp_path, hub, "--offline")
    assert forbidden.returncode == 3
    assert "me/tiny is not downloaded" in forbidden.stderr
    assert not Hub.asked, "--offline must not ask the hub"

    first = run(tmp_path, hub)
    assert first.returncode == 0, first.stderr
    said = f"huggingface(me/tiny): fetching a data set of unknown size from {hub['HF_ENDPOINT'].partition('//')[2]}"
    assert said in first.stdout + first.stderr
    assert any(path.endswith("train.csv") for path in Hub.asked)

    Hub.asked.clear()
    again = run(tmp_path, hub)
    assert again.returncode == 0, again.stderr
    assert "fetching" not in again.stdout + again.stderr
    assert run(tmp_path, hub, "--offline").returncode == 0
    assert not Hub.asked, "what is in the cache must not be asked for"

    wrong = run(tmp_path, hub, valid=3)
    assert wrong.returncode == 3
    assert "`valid` has 4 examples, the spec says 3" in wrong.stderr


def test_a_data_set_that_the_hub_has_not(hub: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "none.drm").write_text(SPEC.format(valid=4).replace("me/tiny", "me/none"))
    command = [sys.executable, "-m", "drmadc", "run", "none.drm"]
    done = subprocess.run(command, cwd=tmp_path, env=hub, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3
    assert "huggingface(me/none)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
