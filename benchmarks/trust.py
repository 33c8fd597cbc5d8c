"""Weights of sites and of examples: does tuning by gradient beat a search, or a judge, at equal compute?

    pip install '.[benchmarks]'
    python benchmarks/trust.py                     # both specs, seeds 1 to 5
    python benchmarks/trust.py sources --seeds 1 2
    python benchmarks/trust.py --picture RUN       # of noisy_labels.drm: the 40 digits that it trusts least

`specs/sources.drm` and `specs/noisy_labels.drm` as they are, on other draws of their data: a seed is one of
`specs/corrupted.py`, training draws are the spec's. Compared are no weights; the checked examples alone; a judge, the
same network trained on the checked examples (or on all); and searches with as many training runs (see
equal_compute.py), which see all checked examples where ours leaves a fifth of them to the guard. Test is read when
everything is decided, from three trainings on fresh draws.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt
import optuna
from cmaes import CMA, SepCMA
from equal_compute import Candidate, Hypers, Setting, chosen, finite, spread, tpe

from drmadc_runtime.data.names import examples
from drmadc_runtime.run.model import trained_model
from drmadc_runtime.run.names import read_examples
from specs import corrupted
from specs.corrupted import CHECKED, MISLABELLED, SITES, TEST

FOLDER = Path(__file__).parent.parent / "specs"
OURS = "drmadc"
POWERS = (1, 2, 4, 8)
Parts = dict[str, corrupted.Fields]
Weights = npt.NDArray[np.floating]
Row = Mapping[str, float]


def saved(parts: Parts, folder: Path) -> str:
    """The override that reads these parts instead of what the spec names."""
    for part, fields in parts.items():
        np.savez(folder / f"{part}.npz", **fields)
    return "data.source=npz({" + ", ".join(f'{part}: "{folder / part}.npz"' for part in parts) + "})"


def setting(spec: str, parts: Parts, folder: Path) -> Setting:
    """A spec with these data, all of whose training part is trained on."""
    folder.mkdir()
    train = len(parts["train"]["label"])
    guard = len(parts["valid"]["label"]) // 5
    split = f"data.split={{ train: {train}, valid: {4 * guard}, guard: {guard}, test: {TEST} }}"
    return Setting((FOLDER / f"{spec}.drm").read_text(), saved(parts, folder), split)


def alike(of: Setting) -> Hypers:
    """All trusted as much."""
    return {"trust": np.ones_like(of.start["trust"])}


def outputs(of: Setting, images: npt.NDArray[np.generic], folder: Path) -> npt.NDArray[np.float64]:
    """Probabilities of the digits [n, 10] by the network trained with everything trusted as much."""
    logits = trained_model(of.program.emitted, folder, 0, alike(of))({"image": images}).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def by_checked(of: Setting, weights: Weights, draw: int) -> Candidate:
    """A training run, judged by all that is checked."""
    values = of.measure({"trust": weights}, draw)
    score = 0.8 * values["objective"] + 0.2 * values["guard"]
    return Candidate(finite(score), {"trust": weights})


def ours(of: Setting) -> list[Candidate]:
    """The outer steps of a run of the spec, as `drmadc run` makes it: the guard decides."""
    with tempfile.TemporaryDirectory() as folder:
        run = of.program.run(out=Path(folder) / "run", quiet=True)
        steps = [np.load(run.path / "hypers" / f"{row['outer']:05}.npz") for row in run.metrics]
        return [Candidate(finite(float(row["guard"])), dict(s)) for row, s in zip(run.metrics, steps, strict=True)]


def of_tpe(of: Setting, trials: int, seed: int) -> list[Candidate]:
    """Optuna's TPE over a weight for each entry."""
    names = [f"site {i}" for i in range(of.start["trust"].size)]
    found: list[Candidate] = []

    def weights(trial: optuna.Trial) -> Hypers:
        return {"trust": np.array([trial.suggest_float(name, 0, 1) for name in names])}

    def told(hypers: Hypers, number: int) -> tuple[float, float]:
        found.append(by_checked(of, hypers["trust"], number))
        return found[-1].score, found[-1].score

    tpe(weights, told, trials, seed, dict.fromkeys(names, 0.5))
    return found


def of_cma(of: Setting, trials: int, seed: int) -> list[Candidate]:
    """CMA-ES in the logits of the weights, with a diagonal covariance where there are thousands."""
    size = of.start["trust"].size
    search = (CMA if size < 1000 else SepCMA)(mean=np.zeros(size), sigma=2.0, seed=seed)
    found: list[Candidate] = []
    while len(found) < trials:
        points = [search.ask() for _ in range(search.population_size)]
        tried = [by_checked(of, 1 / (1 + np.exp(-x)), len(found) + i) for i, x in enumerate(points)]
        search.tell([(x, candidate.score) for x, candidate in zip(points, tried, strict=True)])
        found += tried
    return found[:trials]


def at_random(of: Setting, trials: int, seed: int) -> list[Candidate]:
    """Weights drawn from the uniform distribution."""
    draws = np.random.default_rng(seed)
    return [by_checked(of, draws.random(of.start["trust"].shape), number) for number in range(trials)]


class Results:
    """Rows of a table, filled seed by seed."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.runs: dict[str, float] = {}

    def keep(self, name: str, runs: float, row: Row) -> None:
        """What a method has found in one seed, and the training runs that it took."""
        self.rows.setdefault(name, []).append(row)
        self.runs[name] = runs
        print(name, {key: round(value, 4) for key, value in row.items()}, flush=True)

    def table(self, extra: Mapping[str, str]) -> str:
        """Mean and standard deviation over seeds, and differences from ours in the same seed."""
        head = [
            "weights",
            "runs",
            "test error",
            "test cross-entropy",
            *extra,
            "error above ours, paired",
            "ours better",
        ]
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for name, rows in self.rows.items():
            cells = [name, f"{self.runs[name]:.0f}", spread([100 * row["error/test"] for row in rows], ".2f") + " %"]
            cells.append(spread([row["test"] for row in rows], ".3f"))
            cells += [spread([row[key] for row in rows], ".3f") if key in rows[0] else "" for key in extra.values()]
            pairs = zip(rows, self.rows[OURS], strict=True)
            above = [100 * (row["error/test"] - own["error/test"]) for row, own in pairs]
            won = f"{sum(a > 0 for a in above)} of {len(above)}"
            cells += ["", ""] if name == OURS else [spread(above, "+.2f"), won]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


def sources(seed: int, results: Results, folder: Path) -> float:
    """A weight for each site; what a hypergradient takes, in training runs."""
    parts = corrupted.sites(seed)
    of = setting("sources", parts, folder / "all")
    checked = setting("sources", {**parts, "train": parts["valid"]}, folder / "checked")
    factor = of.factor()
    again = partial(of.fresh, draws=3)
    results.keep("alike", 1, again(alike(of)))
    results.keep("checked digits alone", 1, checked.fresh(alike(checked), draws=3))
    found = ours(of)
    trials = round(factor * len(found))
    searches: dict[str, Callable[[Setting, int, int], list[Candidate]]] = {"TPE": of_tpe, "CMA-ES": of_cma}
    for name, search in searches.items():
        results.keep(name, trials, again(chosen(search(of, trials, seed))))
    train = parts["train"]
    right = outputs(checked, train["image"], folder).argmax(axis=1) == train["label"]
    accuracy = right.reshape(SITES, -1).mean(axis=1)
    results.keep("judge: accuracy of each site", 2, again({"trust": accuracy}))
    powers = [by_checked(of, accuracy**power, 0) for power in POWERS]
    results.keep(f"judge: the best of {len(POWERS)} powers of it", len(POWERS) + 1, again(chosen(powers)))
    results.keep(OURS, trials, again(chosen(found)))
    if seed == 0:
        print("the judge's accuracies:", np.round(accuracy, 2).tolist())
    return factor


def auc(score: Weights, positive: npt.NDArray[np.bool_]) -> float:
    """The probability that a positive has the higher score."""
    ranks = np.empty(len(score))
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))


def noisy_labels(seed: int, results: Results, folder: Path) -> float:
    """A weight for each example; what a hypergradient takes, in training runs."""
    parts = corrupted.noisy_labels(seed)
    train, valid = parts["train"], parts["valid"]
    both = {name: np.concatenate([train[name], valid[name]]) for name in train}
    of = setting("noisy_labels", parts, folder / "all")
    checked = setting("noisy_labels", {**parts, "train": valid}, folder / "checked")
    pooled = setting("noisy_labels", {**parts, "train": both}, folder / "both")
    rows, pooled_rows = (examples(s.program.emitted.data)["row"] for s in (of, pooled))
    wrong = train["label"] != train["true"]
    factor = of.factor()

    def again(weights: Weights) -> Row:
        """The last training with these weights, by row, and with the checked digits; what the weights find."""
        fresh = of.fresh({"trust": weights[rows]}, draws=3)
        joined = np.concatenate([weights, np.ones(CHECKED)])[pooled_rows]
        full = pooled.fresh({"trust": joined}, draws=3)
        worst = np.argsort(weights, kind="stable")[:100]
        found = {} if np.ptp(weights) == 0 else {"auc": auc(-weights, wrong), "worst": float(wrong[worst].mean())}
        return {**full, "alone": 100 * fresh["error/test"], **found}

    def by_row(candidates: list[Candidate]) -> Weights:
        out = np.empty(MISLABELLED)
        out[rows] = chosen(candidates)["trust"]
        return out

    def dropped(judge: Setting, name: str) -> Row:
        """Without the two in five that have the largest losses, the share that is wrong."""
        (folder / name).mkdir()
        loss = -np.log(outputs(judge, train["image"], folder / name)[np.arange(MISLABELLED), train["label"]])
        row = again((loss <= np.quantile(loss, 0.6)).astype(np.float64))
        return {**row, "auc": auc(loss, wrong), "worst": float(wrong[np.argsort(-loss)[:100]].mean())}

    results.keep("alike", 1, again(np.ones(MISLABELLED)))
    results.keep("checked digits alone", 1, checked.fresh(alike(checked), draws=3))
    found = ours(of)
    trials = round(factor * len(found))
    results.keep("random search", trials, again(by_row(at_random(of, trials, seed))))
    results.keep("CMA-ES, diagonal", trials, again(by_row(of_cma(of, trials, seed))))
    results.keep("judge: trained on the checked digits, drops", 2, dropped(checked, "by checked"))
    results.keep("judge: trained on everything, drops", 2, dropped(pooled, "by all"))
    results.keep(OURS, trials, again(by_row(found)))
    return factor


def picture(run: Path) -> None:
    """The least trusted digits of a run with seed 0 in their order, each below its label; those in red are wrong."""
    import matplotlib.pyplot as plt

    columns = read_examples(run)
    trust = np.load(run / "hypers.npz")["trust"]
    train = corrupted.noisy_labels()["train"]
    figure, axes = plt.subplots(4, 10, figsize=(7, 3.6))
    for axis, row in zip(axes.flat, columns["row"][np.argsort(trust)], strict=False):
        wrong = train["label"][row] != train["true"][row]
        axis.imshow(train["image"][row], cmap="gray_r")
        axis.set_title(int(train["label"][row]), color="crimson" if wrong else "black", fontsize=11, pad=2)
        axis.axis("off")
    figure.tight_layout(pad=0.4)
    figure.savefig(FOLDER / "noisy_labels.png", dpi=80)


COMPARED: dict[str, Callable[[int, Results, Path], float]] = {"sources": sources, "noisy_labels": noisy_labels}
EXTRA = {
    "sources": {},
    "noisy_labels": {"error without the checked, %": "alone", "AUC": "auc", "wrong of the 100 worst": "worst"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("specs", nargs="*", default=list(COMPARED), help="sources, noisy_labels")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4, 5])
    parser.add_argument("--picture", type=Path, metavar="RUN", help="draw specs/noisy_labels.png of this run instead")
    options = parser.parse_args()
    if options.picture:
        picture(options.picture)
        return
    for spec in options.specs:
        results, factors = Results(), []
        for seed in options.seeds:
            print(f"{spec}, seed {seed}", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                factors.append(COMPARED[spec](seed, results, Path(folder)))
        print(f"\n{spec}: a hypergradient takes {mean(factors):.2f} training runs\n\n{results.table(EXTRA[spec])}\n")


if __name__ == "__main__":
    main()
