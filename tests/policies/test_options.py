"""What configurations share says which option it was, its value, and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class Sizes:
    width: int = 4
    depth: int = 1


def test_the_first_option_that_is_too_small_is_named_with_its_value() -> None:
    require_at_least(1, Sizes(), ("width", "depth"))
    with pytest.raises(ValueError, match=r"^net: depth is 1; it must be at least 2$"):
        require_at_least(2, Sizes(), ("width", "depth"), where="net: ")
