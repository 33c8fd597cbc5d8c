"""The page about a run: every figure shows something, in the form that its axes ask for; nothing is fetched."""

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from PIL import Image

from drmadc.cli.main import cli
from drmadc.tools.report.document import report_page
from drmadc.tools.report.html import ALONE
from drmadc_runtime.run.reporting import figures, hyper_figures
from drmadc_runtime.run.reporting.drawing import CSS, WIDTH, png
from drmadc_runtime.run.reporting.figures import Level, Line, line, series
from drmadc_runtime.run.reporting.hyper_figures import Found, hyperparameter

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
hyper pace: positive[step(bins: 3)] = 1
train {
  init   = { params: 0 }
  loss   = cross_entropy(linear(x), y) + sum(l2 * linear.weights ^ 2)
  update = sgd(rate: rate * pace)
  batch  = 10
  steps  = 12
}
tune { minimize = cross_entropy(linear(x), y) on valid  update = adam(rate: 0.1)  steps = 3 }
retrain { arms = { none: { l2: 1e-9 }, tuned: {} } }
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
    shown = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    # objective, error, growth, learning curves, l2, rate, pace, picture of l2
    assert len(shown) == page.count("<img") == 8
    for each in shown:
        height, width = picture(each).shape
        assert 300 < width < 1000
        assert 150 < height < 1000
        assert ink(each) > 0.005
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
    assert len(boxes) == 8
    for x, y, width, height in boxes:
        region = sheet[int(y) : int(y + height), int(x) : int(x + width)]
        assert region.size > 10_000
        assert region.std() > 5, "a figure is blank"


PHONE = """<script>addEventListener("load", () => {
  const text = [...document.querySelectorAll("body *")].filter(e => [...e.childNodes].some(n => n.nodeType == 3));
  const smallest = Math.min(...text.map(e => parseFloat(getComputedStyle(e).fontSize)));
  const images = [...document.querySelectorAll("img")].map(i => i.getBoundingClientRect().width);
  parent.postMessage(JSON.stringify([document.documentElement.scrollWidth, smallest, Math.min(...images)]), "*");
})</script>"""
FRAME = """<html><head><title></title></head><body style="margin:0"><script>
addEventListener("message", e => { document.title = e.data; })
</script><iframe src="phone.html" style="width:390px;height:800px;border:0"></iframe></body></html>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_phone_shows_text_that_can_be_read_and_scrolls_in_one_direction_only(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plot", str(run), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text().replace(ALONE, "").replace("</head>", PHONE + "</head>")
    (tmp_path / "phone.html").write_text(page)
    (tmp_path / "frame.html").write_text(FRAME)
    shown = browse(tmp_path / "frame.html", tmp_path, "--virtual-time-budget=5000", "--dump-dom")
    title = re.search(r"<title>(\[.*?\])</title>", shown.stdout)
    assert title is not None, shown.stderr
    across, smallest, narrowest = json.loads(title[1])
    assert across <= 390
    assert smallest >= 12
    assert narrowest >= WIDTH * CSS  # so that the text inside a figure is not smaller than it was drawn


def test_the_page_is_laid_out_for_the_width_of_the_screen(run: Path) -> None:
    page = report_page([run])
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "font: 16px" in page
    assert min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", page)) >= 12


Drawn = list[Figure]


@contextmanager
def drawing() -> Iterator[Drawn]:
    """Every figure that is drawn meanwhile, as it is when it is written."""
    found: Drawn = []

    def keep(figure: Figure) -> bytes:
        found.append(figure)
        return png(figure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "png", keep)
        patch.setattr(hyper_figures, "png", keep)
        yield found


@pytest.fixture
def drawn() -> Iterator[Drawn]:
    with drawing() as found:
        yield found


@pytest.fixture(scope="module")
def shown(run: Path) -> Drawn:
    """The figures of the run's page."""
    with drawing() as found:
        report_page([run])
    return found


def named(figure: Figure, name: str) -> Line2D:
    """The line of this name in a figure."""
    (found,) = [each for axes in figure.axes for each in axes.lines if each.get_label() == name]
    return found


def test_no_text_of_a_figure_is_smaller_than_twelve_pixels(shown: Drawn) -> None:
    assert len(shown) == 7
    for figure in shown:
        assert figure.get_figwidth() == WIDTH
        assert WIDTH * CSS <= 390 - 2 * 16  # beside the page's margins
        sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
        assert min(sizes) * CSS / 72 >= 12


def test_best_step_start_and_baselines_are_drawn(run: Path, shown: Drawn) -> None:
    records = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    best = min(range(3), key=lambda number: records[number]["objective"])
    objective, error = shown[:2]
    mark = named(objective, f"best, step {best}")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (best, records[best]["objective"])
    start = records[0]["objective"]
    assert set(named(objective, f"start, {start:.4g}").get_ydata()) == {start}
    arms = json.loads((run / "retrain.json").read_text())
    assert set(arms) == {"none", "tuned"}
    for arm, reports in arms.items():
        value = reports["error/test"]
        assert set(named(error, f"retrained, {arm}: {value:.4g}").get_ydata()) == {value}


def test_outer_and_training_steps_have_whole_ticks_and_positive_values_a_logarithmic_axis(shown: Drawn) -> None:
    for figure in shown:
        for axes in figure.axes:
            if axes.get_xlabel() in ("outer step", "training step"):
                assert all(float(tick).is_integer() for tick in axes.get_xticks())
    hypers = {axes.get_ylabel(): axes for figure in shown[4:] for axes in figure.axes}
    assert hypers["pace (positive)"].get_yscale() == "log"
    (histogram,) = [axes for figure in shown[4:] for axes in figure.axes if axes.get_xlabel() == "l2 (positive)"]
    assert histogram.get_xscale() == "log"


def test_bins_are_a_staircase_over_the_training_steps_that_share_them(shown: Drawn) -> None:
    (axes,) = [axes for figure in shown for axes in figure.axes if axes.get_ylabel() == "pace (positive)"]
    stairs = {each.get_label(): each for each in axes.patches if isinstance(each, StepPatch)}
    assert set(stairs) >= {"start"}
    for each in stairs.values():
        assert list(each.get_data().edges) == [0, 4, 8, 12]
    assert list(stairs["start"].get_data().values) == [1, 1, 1]


def test_bins_that_do_not_divide_the_steps_end_where_the_step_of_their_entry_changes(drawn: Drawn) -> None:
    hyperparameter(Found("r", "real", ("bin",), 10, (), ([np.zeros(4)],), (0,)))
    assert list(drawn[0].axes[0].patches[0].get_data().edges) == [0, 3, 5, 8, 10]  # of t * 4 // 10


@pytest.fixture(scope="module")
def seeds(run: Path) -> list[Path]:
    """The run, and the same spec with other seeds."""
    found = [run]
    for seed in (1, 2):
        out = run.parent / f"seed{seed}"
        words = ["run", str(run.parent / "s.drm"), f"train.seed={seed}", "--quiet", "--out", str(out)]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        found.append(out)
    return found


def test_runs_with_other_seeds_are_one_line_with_a_band(seeds: list[Path], drawn: Drawn) -> None:
    page = report_page(seeds)
    metrics = [[json.loads(text) for text in (path / "metrics.jsonl").read_text().splitlines()] for path in seeds]
    values = np.array([[row["objective"] for row in rows] for rows in metrics])
    (axes,) = drawn[0].axes
    np.testing.assert_allclose(named(drawn[0], "objective").get_ydata(), values.mean(0))
    band = next(each for each in axes.collections if isinstance(each, FillBetweenPolyCollection))
    corners = band.get_paths()[0].vertices
    for number in range(3):
        heights = corners[corners[:, 0] == number, 1]
        assert heights.min() == pytest.approx(values[:, number].min())
        assert heights.max() == pytest.approx(values[:, number].max())
    assert "Mean of 3 runs; the band is from the lowest to the highest." in page
    assert "Entries of 3 runs together." in page  # histograms of l2
    assert "s: 3 runs</title>" in page
    for path in seeds:
        assert f"<td>{path.name}</td>" in page


def test_runs_with_other_settings_are_lines_of_their_own(seeds: list[Path], drawn: Drawn) -> None:
    other = seeds[0].parent / "other"
    words = ["run", str(seeds[0].parent / "s.drm"), "l2=0.1", "--quiet", "--out", str(other)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    page = report_page([*seeds[:2], other])
    assert {each.get_label() for each in drawn[0].axes[0].lines} >= {"as written", "l2=0.1"}
    assert "Hyperparameters l2=0.1" in page
    shutil.rmtree(other)


def test_a_folder_of_runs_is_all_of_them(seeds: list[Path]) -> None:
    done = CliRunner().invoke(cli, ["plot", str(seeds[0].parent)])
    assert done.exit_code == 0, done.output
    page = seeds[0].parent / "report.html"
    assert done.output.strip() == str(page)
    assert "<title>s: 3 runs</title>" in page.read_text()
    done = CliRunner().invoke(cli, ["plot", str(seeds[0] / "hypers")])
    assert done.exit_code == 2
    assert "is not a run folder (it has no run.json), and holds none" in done.output


def test_the_page_says_warnings_verdict_and_how_it_was_run(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    with (copy / "log.txt").open("a") as file:
        file.write("warning: the adjoint <grew>\n" * 2)
    (copy / "failure.txt").write_text("outer step 3: not finite\n")
    page = report_page([copy])
    assert page.count("warning: the adjoint &lt;grew&gt;") == 1
    assert "outer step 3: not finite" in page
    environment = json.loads((run / "environment.json").read_text())
    for text in (f"jax {environment['packages']['jax']}", f"Python {environment['python']}", environment["devices"][0]):
        assert text in page
    about = json.loads((run / "run.json").read_text())
    assert f"<td>drmadc run {about['spec']}</td>" in page
    found = [row for row in json.loads((run / "confirm.json").read_text()) if row["key"] == "objective"]
    assert f"{np.mean(found[0]['start']):.5g}" in page


DRAWS = np.random.default_rng(0)


def found(kinds: tuple[str, ...], domain: str, values: list[np.ndarray], labels: tuple[str, ...] = ()) -> Found:
    return Found("penalty", domain, kinds, 50, labels, (values,), (len(values) - 1,))


@pytest.mark.parametrize(
    ("kinds", "shape"),
    [
        ((), ()),
        (("layer",), (3,)),
        (("step",), (50,)),
        (("bin",), (7,)),
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
    labels = tuple(f"layer {i}" for i in range(4))
    assert ink(hyperparameter(found(kinds, domain, values, labels))) > 0.005
    flat = [np.ones(shape) for _ in range(4)]
    assert ink(hyperparameter(found(kinds, domain, flat))) > 0.003
    lost = [np.zeros(shape) for _ in range(4)]  # a positive number that has underflown
    assert ink(hyperparameter(found(kinds, domain, lost))) > 0.003


def test_series_with_gaps_and_scales(drawn: Drawn) -> None:
    records = [{"outer": i, "a": 10.0**i, **({"b": 1.0} if i else {})} for i in range(5)]
    lines = [line(records, "a"), line(records, "b")]
    plain, logarithmic = series(lines, "value"), series(lines, "value", log=True)
    assert ink(plain) > 0.005
    assert np.abs(picture(plain) - picture(logarithmic)).max() > 100
    stopped = Line("x", (np.array([3.0, 2.0, 1.0]), np.array([5.0, 4.0])), (2, 1))
    series([stopped], "value", [Level("level", (1.0, 2.0))])
    np.testing.assert_allclose(named(drawn[-1], "x").get_ydata(), [4, 3, 1])


@pytest.mark.parametrize("ends", [(1e-3, 1e-3), (0.09, 0.11), (1.0, 8.0), (1e-5, 3e2), (1e-12, 1e3)])
def test_a_logarithmic_axis_has_ticks_that_can_be_read(ends: tuple[float, float], drawn: Drawn) -> None:
    series([Line("x", (np.array(ends),))], "value", log=True)
    (axes,) = drawn[-1].axes
    low, high = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 2 <= len(inside) <= 8
    assert low <= ends[0] <= ends[1] <= high
