"""The verifier refuses broken programs."""

from dataclasses import replace

import pytest

from drmadc.ir import nodes as ir
from drmadc.ir.program import ALL, Let
from drmadc.ir.types import Tree
from drmadc.ir.verify import InvalidProgram, verify
from tests.conftest import compiled


def test_verifier_refuses_a_broken_program() -> None:
    program = compiled("l2_by_input").ir
    verify(program)
    stray = Let("w'", ir.Name("nowhere", Tree(ALL)))
    with pytest.raises(InvalidProgram, match="nowhere is defined"):
        verify(replace(program, step=replace(program.step, equations=(stray,))))
    with pytest.raises(InvalidProgram, match="initialised once"):
        verify(replace(program, init=program.init[:1]))
    assert program.adjoint is not None
    with pytest.raises(InvalidProgram, match="every state has an adjoint"):
        verify(replace(program, adjoint=replace(program.adjoint, states=program.adjoint.states[:1])))
