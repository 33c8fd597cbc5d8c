"""The page about a run: every figure shows something, in the form that its axes ask for; nothing is fetched."""

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from drmadc.cli.main import cli
from drmadc.tools.report import ALONE
from drmadc_runtime.run.reporting.figures import hyperparameter, series

SPEC = """
data d {
  source = digits()
  x: real[64] = standardise(flatten(image))
  y: class[10] = label
  split  = { train: 100, valid: 50, test: 50 }
}
model linear(x: real[64]) -> real[10] { return dense(x, 10) }
hyper l2: positive[in_unit of linear.weights] = 0.01
hyper rate: positive[step, layer of linear.params] = 0.1
train {
  init   = { params: 0 }
  loss   = cross_entropy(linear(x), y) + sum(l2 * linear.weights ^ 2)
  update = sgd(rate: rate)
  batch  = 10
  steps  = 12
}
tune { minimize = cross_entropy(linear(x), y) on valid  update = adam(rate: 0.1)  steps = 3 }
report {
  error(linear(x), y) on test
  image(l2, 8, 8)
  expect last(objective) < first(objective)
}
"""


def picture(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), float)


def ink(png: bytes) -> float:
    """The share of pixels that are not white."""
    return float((picture(png) < 250).mean())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "s.drm").write_text(SPEC)
    done = CliRunner().invoke(cli, ["run", str(folder / "s.drm"), "--quiet", "--out", str(folder / "r")])
    assert done.exit_code == 0, done.output
    return folder / "r"


def test_the_page_shows_everything_and_fetches_nothing(run: Path) -> None:
    done = CliRunner().invoke(cli, ["plot", str(run)])
    assert done.exit_code == 0, done.output
    page = (run / "report.html").read_text()
    figures = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    assert len(figures) == page.count("<img") == 7  # objective, error, growth, learning curves, l2, rate, picture of l2
    for png in figures:
        height, width = picture(png).shape
        assert 300 < width < 1000
        assert 150 < height < 1000
        assert ink(png) > 0.005
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<td>yes</td><td>last(objective) &lt; first(objective)</td>" in page
    for text in ("linear.weights", "def reverse_step", "d_l2", "3 of 3", "error/test"):
        assert text in page
    assert page.count("<figure>") == page.count("</figure>")


def test_runs_without_steps_and_pages_that_cannot_be_written(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plot", str(run), "--out", str(tmp_path / "no" / "page.html")])
    assert done.exit_code == 3
    assert "is not writable" in done.output
    for name in ("run.json", "environment.json", "s.drm"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    done = CliRunner().invoke(cli, ["plot", str(tmp_path)])
    assert done.exit_code == 3
    assert "no finished outer step" in done.output


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BOXES = """<script>addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("img")].map(i => i.getBoundingClientRect());
  document.title = JSON.stringify(boxes.map(b => [b.x, b.y, b.width, b.height]));
})</script>"""


def browse(page: Path, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    assert BROWSER is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,6000"]
    quiet = ["--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"]
    command = [BROWSER, *flags, *quiet, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_every_figure_without_an_error_or_a_request(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plot", str(run), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    page = tmp_path / "page.html"
    shown = browse(page, tmp_path, f"--screenshot={tmp_path / 'page.png'}")
    assert "CONSOLE" not in shown.stderr  # where a refused request would stand, too: the page's policy allows none
    boxed = tmp_path / "boxed.html"
    boxed.write_text(page.read_text().replace(ALONE, "").replace("</head>", BOXES + "</head>"))
    asking = tmp_path / "asking.html"
    asking.write_text(page.read_text().replace("<h2>", '<img src="http://localhost:9/x.png"><h2>', 1))
    assert "CONSOLE" in browse(asking, tmp_path, "--dump-dom").stderr
    title = re.search(r"<title>(\[.*?\])</title>", browse(boxed, tmp_path, "--dump-dom").stdout)
    assert title is not None
    sheet = np.asarray(Image.open(tmp_path / "page.png").convert("L"), float)
    boxes = json.loads(title[1])
    assert len(boxes) == 7
    for x, y, width, height in boxes:
        region = sheet[int(y) : int(y + height), int(x) : int(x + width)]
        assert region.size > 10_000
        assert region.std() > 5, "a figure is blank"


DRAWS = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kinds", "shape"),
    [
        ((), ()),
        (("layer",), (3,)),
        (("step",), (50,)),
        (("bin", "param"), (10, 4)),
        (("task", "task"), (5, 5)),
        (("size", "size"), (8, 20)),
        (("size", "size", "size"), (6, 8, 8)),
        (("weight",), (400,)),
        (("in_unit",), (60,)),
    ],
)
@pytest.mark.parametrize("domain", ["positive", "real"])
def test_each_form_is_drawn(kinds: tuple[str, ...], shape: tuple[int, ...], domain: str) -> None:
    values = [np.exp(2 * DRAWS.normal(size=shape)) for _ in range(4)]
    png = hyperparameter("penalty", kinds, domain, values, [f"layer {i}" for i in range(4)])
    assert ink(png) > 0.005
    flat = [np.ones(shape) for _ in range(4)]
    assert ink(hyperparameter("penalty", kinds, domain, flat, [])) > 0.003


def test_series_with_gaps_and_scales() -> None:
    records = [{"outer": i, "a": 10.0**i, **({"b": 1.0} if i else {})} for i in range(5)]
    plain, logarithmic = series(records, ["a", "b"], "value"), series(records, ["a", "b"], "value", logarithmic=True)
    assert ink(plain) > 0.005
    assert np.abs(picture(plain) - picture(logarithmic)).max() > 100
