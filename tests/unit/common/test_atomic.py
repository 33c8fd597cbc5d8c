"""Files, folders and links that are replaced whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from drmadc_common.atomic import replacing, write_whole


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "naïve\n")
    assert (tmp_path / "a").read_bytes() == "naïve\n".encode()
    write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == {"a"}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    write_whole(tmp_path / "a", "old")

    def fail() -> None:
        with replacing(tmp_path / "a") as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == {"a"}


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with replacing(tmp_path / "folder") as partial:
            partial.mkdir()
            (partial / content).touch()
    assert names(tmp_path) == {"folder"}
    assert names(tmp_path / "folder") == {"second"}


def test_a_link_to_a_folder_is_replaced_and_the_folder_is_left(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / content).mkdir()
        (tmp_path / content / "inside").touch()
        with replacing(tmp_path / "latest") as partial:
            partial.symlink_to(content, target_is_directory=True)
    assert (tmp_path / "latest").resolve().name == "second"
    assert (tmp_path / "first" / "inside").exists()


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "half").touch()
    write_whole(tmp_path / "a", "whole")
    assert names(tmp_path) == {"a"}


def test_a_link_is_followed_and_a_mode_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_pipe_is_written_to_and_a_folder_is_left(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join(10)
    assert found == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "text")
    assert names(tmp_path) == {"pipe", "folder"}
