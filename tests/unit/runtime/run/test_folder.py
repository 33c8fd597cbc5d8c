"""Run folders."""

from pathlib import Path

import pytest


def test_run_folder_is_never_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drmadc_runtime.run.folder import RunFolder

    monkeypatch.chdir(tmp_path)
    folders = {RunFolder.create("x", None).path for _ in range(5)}
    assert len(folders) == 5
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    with pytest.raises(FileExistsError, match="never overwrites"):
        RunFolder.create("x", str(tmp_path / "full"))
