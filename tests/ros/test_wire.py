"""What stands for an outcome on the wire."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

from robot_rl.hardware.robot import Outcome  # noqa: E402
from robot_rl.ros import codecs, wire  # noqa: E402
from robot_rl.spec import SpecError  # noqa: E402


def test_an_outcome_survives_the_wire() -> None:
    outcome = Outcome(0.25, success=True, terminated=True)
    assert wire.read_outcome(wire.outcome_message(7, outcome)) == outcome


@pytest.mark.parametrize("values", [(float("nan"), 0, 0), (0, float("inf"), 0), (0, 0, float("nan"))])
def test_what_is_no_number_is_no_outcome(values: tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match="an outcome says reward"):
        wire.read_outcome(codecs.labelled(7, wire.OUTCOME_LABELS, values))
