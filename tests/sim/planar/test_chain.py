"""The chain of gates: pockets that hold, what is felt in them, and the two ways to help."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.sim.planar.chain import FINS, GATE, WALLS

SETUP = config.load("sim_chain")


def drive(robot, velocity, steps=1):
    for _ in range(steps):
        robot.send(np.array(velocity, dtype=float))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
    return robot.read().values


def at_the_first_wall(beside: float):
    """A robot that has run against the first wall, so far beside the middle of its gate [m]."""
    robot = config.make(SETUP, bias=0.0)
    values = robot.reset(2).values
    for _ in range(15):
        values = robot.read().values
        drive(robot, [0.0, np.clip(10 * (values["privileged_gate"][0] + beside - values["point"][1]), -0.15, 0.15)])
    return robot, drive(robot, [0.15, 0.0], 12)


def seen_policy(values):
    """Lines up with the gate as it is seen, and drives on: what a good imitation without recoveries does."""
    point, gate, stage = values["point"], values["gate"][0], int(values["stage"][0])
    if stage < 3 and abs(point[1] - gate) > 0.004 and point[0] < WALLS[stage] - FINS:
        return np.array([0.0, np.clip(5 * (gate - point[1]), -0.15, 0.15)])
    return np.array([0.15, 0.0])


def recovering_policy():
    """As above, but out of a pocket again, to the side that was felt."""
    backing = [False]

    def act(values):
        point, gate, stage = values["point"], values["gate"][0], int(values["stage"][0])
        felt, blocked = values["felt"][0], values["blocked"][0]
        aim = gate + 0.010 * felt
        if stage < 3:
            wall = WALLS[stage]
            backing[0] = bool(blocked) or (backing[0] and point[0] > wall - FINS - 0.005)
            if backing[0]:
                return np.array([-0.15, 0.0])
            if abs(point[1] - aim) > 0.003 and point[0] < wall - FINS:
                return np.array([0.0, np.clip(5 * (aim - point[1]), -0.15, 0.15)])
        return np.array([0.15, 0.0])

    return act


def test_a_gate_lets_through_what_is_within_it():
    _, values = at_the_first_wall(0.9 * GATE)
    assert values["stage"][0] == 1.0 and values["point"][0] > WALLS[0] and values["felt"][0] == 0.0


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_pocket_holds_until_it_is_backed_out_of_and_says_where_the_gate_lies(side):
    robot, values = at_the_first_wall(side * 0.012)
    assert (values["stage"][0], values["blocked"][0], values["felt"][0]) == (0.0, 1.0, -side)
    gate = values["privileged_gate"][0]
    stuck = drive(robot, [0.15, -0.15 * side], 5)  # towards the gate, along the wall
    assert stuck["stage"][0] == 0.0
    assert abs(stuck["point"][1] - gate) == pytest.approx(GATE)  # up to the fin
    drive(robot, [-0.15, 0.0], 3)  # 45 mm back
    free = drive(robot, [0.0, -0.12 * side], 1)
    assert free["blocked"][0] == 0.0 and free["felt"][0] == -side
    assert drive(robot, [0.15, 0.0], 5)["stage"][0] == 1.0


def test_imitation_without_recovery_gets_stuck_where_knowing_the_way_out_does_not(episodes):
    def rate(policy):
        return np.mean([r.success for r in run(policy)])

    def run(policy):
        robot, out = config.make(SETUP), []
        for seed in range(40):
            robot.reset(seed)
            for _ in range(SETUP.task["horizon"]):
                drive(robot, policy(robot.read().values))
            out.append(robot.outcome())
        return out

    assert 0.15 < rate(seen_policy) < 0.45  # (2/3)^3 is 0.30
    assert rate(recovering_policy()) > 0.95


@pytest.mark.parametrize("quality", ["expert", "mixed", "poor"])
def test_the_operator_drives_through(episodes, quality):
    assert all(r.success for r in episodes("sim_chain", quality, range(10)))


def test_one_way_of_helping_shows_recoveries_and_the_other_prevents_them(episodes, sink):
    phases = {}
    for quality in ("expert", "prevent"):
        sink.steps.clear()
        results = episodes("sim_chain", quality, range(8), policy=seen_policy, sink=sink)
        assert all(r.success for r in results)
        phases[quality] = [s.phase for s in sink.steps]
    assert phases["expert"].count(Phase.RECOVERY) >= 10
    assert phases["prevent"].count(Phase.RECOVERY) == 0
    assert phases["prevent"].count(Phase.CORRECTION) > 0
