"""What a notebook shows of programs and runs."""

import re
from pathlib import Path

from tests.conftest import compiled


def test_a_program_shows_its_spec_and_what_it_tunes() -> None:
    page = compiled("l2_by_input")._repr_html_()
    assert "<td>l2</td><td>positive[in_unit of" in page
    assert "drmad(knots: 3)" in page
    assert "training runs each" in page
    assert "&gt;" in page  # -> of the model, escaped


def test_a_run_shows_its_table_and_figures(tmp_path: Path) -> None:
    program = compiled("surface")
    run = program.run(out=tmp_path / "run", quiet=True)
    page = run._repr_html_()
    assert f"<td>objective</td><td>{run.metrics[0]['objective']:.5g}</td>" in page
    assert "<td>momentum</td><td>9</td>" in page
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 1
