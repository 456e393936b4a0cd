"""A scripted person with a gamepad who lifts a cube, or watches a policy lift it and steps in."""

from __future__ import annotations

from robot_rl.hardware.config import RobotConfig
from robot_rl.sim.operators.pick import PickOperator, Recovery
from robot_rl.sim.operators.pick_hand import Skill
from robot_rl.sim.operators.pick_job import Job
from robot_rl.sim.operators.pick_watch import Attention


class LiftOperator(PickOperator):
    """Operator of `sim_lift`: takes the cube by any two sides and raises it. See PickOperator."""

    def __init__(
        self,
        config: RobotConfig,
        *,
        quality: str | Skill = "expert",
        seed: int = 0,
        attention: Attention | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        super().__init__(
            config, Job(), quality=quality, seed=seed, attention=attention, recovery=recovery, places=False
        )
