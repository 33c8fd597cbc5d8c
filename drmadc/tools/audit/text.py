"""An audit as text: tables of what was measured, and a line for each question."""

import numpy as np

from drmadc.tools.audit.audit import Report
from drmadc_runtime.program.audit.prediction import Change


def report_text(report: Report) -> str:
    """The audit as tables and verdicts."""
    measured, program = report.audit.measured, report.program
    against = f" against {report.exact.reverse.strategy.text}" if measured.agreements else ""
    lines = [f"{program.reverse.text}{against}, at the first outer step"]
    if report.steps < program.steps:
        lines.append(f"on the first {report.steps:,} of {program.steps:,} training steps: more did not fit into memory")
    if measured.agreements:
        lines += ["", f"{'hyperparameter':<24} {'entries':>8} {'cosine':>8} {'signs':>6} {'norm ratio':>11}"]
    for row in measured.agreements:
        ratio = f"{row.norm:>11.3g}" if np.isfinite(row.norm) else f"{'-':>11}"
        lines.append(f"{row.name:<24} {row.entries:>8} {row.cosine:>8.4f} {row.signs:>6.0%} {ratio}")
    lines += [
        "",
        f"{'change of the objective along':<32} {'length':>7} {'predicted':>11} {'measured':>11} {'ratio':>7}",
    ]
    for prediction in measured.predictions:
        name = prediction.direction
        for change in prediction.own:
            ratio = f"{change.measured / change.predicted:.2f}" if _comparable(change) else "-"
            length = f"{change.length * (1 if change.length == 1 else prediction.scale):>7.2g}"
            lines.append(f"{name:<32} {length} {change.predicted:>11.3g} {change.measured:>11.3g} {ratio:>7}")
            name = ""
    about = f"growth of the adjoint {measured.growth:.3g}"
    if measured.agreements:
        about += f", of the exact one {measured.exact_growth:.3g}"
    if measured.cosine < 1:
        about += f"; cosine between draws {measured.cosine:.2g}"
    lines += ["", about, ""]
    for verdict in report.audit.verdicts:
        lines.append(f"{verdict.question:<32} {verdict.answer}: {verdict.findings[0]}")
        lines += [f"{'':<32} {line}" for line in verdict.findings[1:]]
        for i, cure in enumerate(verdict.cures):
            lines.append(f"{'':<32} {'try:' if not i else 'or: '} {cure}")
    return "\n".join(lines) + "\n"


def _comparable(change: Change) -> bool:
    return change.judged and change.predicted != 0 and bool(np.isfinite([change.predicted, change.measured]).all())
