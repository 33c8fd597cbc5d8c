"""The wheel holds exactly the four import packages, the grammar, the prelude and the data."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = {"drmadc", "drmadc_common", "drmadc_grammar", "drmadc_runtime"}


def test_wheel_contents(tmp_path: Path) -> None:
    program = f"import hatchling.build as b; print(b.build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(tmp_path / done.stdout.split()[-1]).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == PACKAGES
    for name in (
        "drmadc_grammar/drm.lark",
        "drmadc_grammar/prelude.drm",
        "drmadc_runtime/data/bundled/mnist/train-images-idx3-ubyte.xz",
        "drmadc_runtime/data/bundled/mnist/README.md",
        "drmadc/py.typed",
        "drmadc_common/py.typed",
    ):
        assert name in names
