"""Modules of another interface are refused."""

import pytest

from drmadc_runtime.core.versions import require


def test_require_refuses_another_interface() -> None:
    with pytest.raises(ImportError, match="emit it again"):
        require(api=99)
