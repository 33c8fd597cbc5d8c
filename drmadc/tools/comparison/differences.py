"""What differs between runs: settings of the command line and lines of the spec."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from drmadc.tools.comparison.recorded import RecordedRun

LONGEST = 60
_SEED = re.compile(r"\bseed\s*=\s*\d+")


@dataclass(frozen=True, slots=True)
class Setting:
    """What runs that differ in nothing but the seed have in common."""

    spec: str
    source: str
    overrides: tuple[tuple[str, str], ...]


def setting_of(run: RecordedRun) -> Setting:
    """The setting of a run; a seed that its spec gives is none."""
    return Setting(run.spec, _SEED.sub("", run.source), tuple(sorted(run.overrides.items())))


def differences(settings: Sequence[Setting]) -> list[dict[str, str]]:
    """For each setting the values of what is not the same in all, by override; `spec` says which lines are its own."""
    overrides = [dict(setting.overrides) for setting in settings]
    targets = dict.fromkeys(target for given in overrides for target in given)
    varied = [target for target in targets if len({given.get(target) for given in overrides}) > 1]
    lines = [_own_lines(setting.source, settings) for setting in settings]
    files = [setting.spec if len({s.spec for s in settings}) > 1 else "" for setting in settings]
    out: list[dict[str, str]] = []
    for given, file, own in zip(overrides, files, lines, strict=True):
        row = {target: given[target] for target in varied if target in given}
        text = ": ".join(part for part in (file, "; ".join(own)) if part)
        if text:
            row["spec"] = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        out.append(row)
    return out


def labels(settings: Sequence[Setting]) -> list[str]:
    """A short name for each of several different settings."""
    names: list[str] = []
    for setting, row in zip(settings, differences(settings), strict=True):
        parts = [value if key == "spec" else f"{key}={value}" for key, value in row.items()]
        names.append(", ".join(parts) or ("as written" if len(settings) > 1 else setting.spec))
    before = [names[:i].count(name) for i, name in enumerate(names)]  # lines that were cut may read the same
    return [f"{name} ({count + 1})" if count else name for name, count in zip(names, before, strict=True)]


def _own_lines(source: str, settings: Sequence[Setting]) -> list[str]:
    """Lines of a spec, without comments, that some other spec does not have."""
    everywhere = set.intersection(*(set(_lines(setting.source)) for setting in settings))
    return [line for line in _lines(source) if line not in everywhere]


def _lines(source: str) -> list[str]:
    lines = (" ".join(line.partition("#")[0].split()) for line in source.splitlines())
    return [line for line in lines if line]
