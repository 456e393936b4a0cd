"""A simulated robot's abilities against specs that ask for something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from robot_rl.hardware.config import ConfigError
from robot_rl.sim.abilities import Abilities
from robot_rl.spec import Field, Layout, Spec

ABILITIES = Abilities(
    modes={"rates": {"velocity": 2}, "places": {"position": 2}},
    sensed={"point": 2, "joints": None},
    step_ns=3_000_000,
)


def field(name: str, size: int) -> Field:
    return Field(name, shape=(size,), unit="1")


SPEC = Spec(
    robot="toy",
    rate=1e9 / 6_000_000,
    observation=Layout((field("point", 2), field("joints", 7))),
    action=Layout((field("velocity", 2),)),
    control_mode="rates",
)


def test_any_subset_of_the_senses_and_any_size_that_depends_on_the_model_fits() -> None:
    ABILITIES.check(SPEC)
    ABILITIES.check(replace(SPEC, observation=Layout((field("joints", 6),))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"control_mode": "forces"}, "control mode 'forces' does not fit: robot 'toy' has rates, places"),
        ({"control_mode": "places"}, "action fields {'velocity': 2} do not fit: places takes {'position': 2}"),
        ({"observation": Layout((field("pressure", 1),))}, "'pressure' is not sensed by robot 'toy'; it has point, j"),
        ({"observation": Layout((field("point", 3),))}, r"'point' has shape \(2,\), not \(3,\)"),
        ({"rate": 100.0}, "rate 100 Hz: its period must be a whole multiple of the physics step, 3 ms"),
        ({"rate": 1000.0}, "rate 1000 Hz"),
    ],
)
def test_what_does_not_fit_is_named_beside_what_does(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ABILITIES.check(replace(SPEC, **change))  # type: ignore[arg-type]
