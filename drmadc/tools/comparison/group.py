"""A group: the runs of one spec for every combination of settings and seeds, in one folder with a list of them."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

from drmadc.tools.comparison.recorded import SEED
from drmadc_common.atomic import write_whole

GROUP = "group.json"
LONGEST = 60

Standing = Literal["done", "begun", "missing"]


class NotThisGroup(ValueError):
    """A folder holds another group, or something else; says what."""


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a group: the name of its folder, and all of its overrides."""

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What is run, and where.

    Attributes:
        path: its folder; each member has one in it.
        spec: the file's name, as diagnostics call it.
        source: the file's text when the group was started, which all members run.
        imports: the texts then of the files that it imports, by path.
    """

    path: Path
    spec: str
    source: str
    members: tuple[Member, ...]
    imports: dict[str, str] = field(default_factory=dict)

    def member(self, name: str) -> Member:
        """The member of a name."""
        return next(member for member in self.members if member.name == name)

    def folder(self, member: Member) -> Path:
        """Where a member is recorded."""
        return self.path / member.name

    def log(self, member: Member) -> Path:
        """What a member prints that has no terminal."""
        return self.path / f"{member.name}.log"

    def standing(self, member: Member) -> Standing:
        """How far a member is: one without a checkpoint has to begin anew."""
        if (self.folder(member) / "result.json").exists():
            return "done"
        return "begun" if (self.folder(member) / "checkpoint.npz").exists() else "missing"

    def clear(self, member: Member) -> None:
        """Remove what a member that was stopped before its first checkpoint has left behind."""
        shutil.rmtree(self.folder(member), ignore_errors=True)

    def write(self) -> None:
        """Write the list of members.

        Raises:
            OSError: it cannot be written.
        """
        members = [asdict(member) for member in self.members]
        about = {"spec": self.spec, "source": self.source, "imports": self.imports, "members": members}
        write_whole(self.path / GROUP, json.dumps(about, indent=2) + "\n")


def members_of(
    overrides: tuple[str, ...], settings: Sequence[tuple[str, ...]], seeds: Sequence[int]
) -> tuple[Member, ...]:
    """The product of settings and seeds; without seeds each runs with the spec's own."""
    own: list[tuple[str, ...]] = [(f"{SEED}={seed}",) for seed in seeds] or [()]
    return tuple(
        Member(_name((*chosen, *seed)), (*overrides, *chosen, *seed)) for chosen in settings for seed in own
    )  # fmt: skip


def read_group(path: Path) -> Group:
    """The group that a folder holds.

    Raises:
        NotThisGroup: there is none, or its list is damaged.
    """
    try:
        about = json.loads((path / GROUP).read_text(encoding="utf-8"))
        members = tuple(Member(_inside(str(row["name"])), tuple(row["overrides"])) for row in about["members"])
        imports = {str(name): str(text) for name, text in about.get("imports", {}).items()}
        return Group(path, str(about["spec"]), str(about["source"]), members, imports)
    except OSError as error:
        raise NotThisGroup(f"{path} is not a group of runs: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotThisGroup(f"{path / GROUP} is corrupt") from error


def joined(
    path: Path, spec: str, source: str, members: tuple[Member, ...], imports: dict[str, str] | None = None
) -> Group:
    """A new group, or the one in its folder with the members added that it does not have yet.

    Raises:
        NotThisGroup: the folder holds a group of another text, or something else.
    """
    if not (path / GROUP).exists():
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise NotThisGroup(f"{path} already exists and is not a group of runs")
        return Group(path, spec, source, members, imports or {})
    there = read_group(path)
    if (there.source, there.imports) != (source, imports or {}):
        raise NotThisGroup(f"{path} holds runs of another text of {there.spec}; choose another folder")
    known = {member.overrides for member in there.members}
    added = (member for member in members if member.overrides not in known)
    return Group(path, there.spec, source, (*there.members, *added), there.imports)


def _inside(name: str) -> str:
    """The name of a folder in the group's, as `clear` removes it: a list of members may be anybody's."""
    if not name or Path(name).name != name or name == "..":
        raise ValueError(name)
    return name


def _name(chosen: tuple[str, ...]) -> str:
    """A folder's name that needs no quoting in a shell; where letters are lost, a hash tells settings apart."""
    short = [text.replace(SEED, "seed") for text in chosen]
    plain = "_".join(re.sub(r"[^\w.=+-]+", "-", text).strip("-") for text in short)
    if len(plain) <= LONGEST and plain == "_".join(short):
        return plain
    return f"{plain[:LONGEST]}-{sha256('_'.join(chosen).encode()).hexdigest()[:6]}"
