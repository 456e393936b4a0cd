"""In some episodes the robot is left to itself: a scripted person stands back, one with a device in hand is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.datasets.record import Source
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.episodes import learning_episode
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell, workcell
from robot_rl.runtime.coming import LEFT_ALONE
from robot_rl.sim.operators.stands_back import StandsBack

CONFIG = OnlineConfig(
    RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8)),
    observation=("tip", "slot"),
    demo_share=0.0,
    warmup=1000,
    help_every=3,
)


def human_steps(session: Session, cell: Workcell, said: list[str]) -> int:
    """Of the session's next episode."""
    sink = session._recorder
    before = session.tally.episodes
    result = learning_episode(cell, session.executor, session.config, session.tally, sink, say=said.append)  # type: ignore[arg-type]
    assert session.tally.episodes == before + 1
    return result.sources.get(Source.HUMAN, 0)


def test_help_comes_in_every_so_many_th_episode() -> None:
    assert [CONFIG.alone(n) for n in range(6)] == [True, True, False, True, True, False]
    assert not any(replace(CONFIG, help_every=1).alone(n) for n in range(4))
    with pytest.raises(TrainingError, match="help_every"):
        replace(CONFIG, help_every=0)


def test_a_scripted_person_stands_back_in_the_others() -> None:
    said: list[str] = []
    with workcell("sim_pegslot", operator="expert") as cell:
        session = Session(CONFIG, cell)
        helped = [human_steps(session, cell, said) for _ in range(6)]
    assert [n > 0 for n in helped] == [False, False, True, False, False, True] and said == []


def test_one_with_a_device_in_hand_is_told_and_keeps_the_take_over() -> None:
    said: list[str] = []
    with workcell("sim_pegslot", operator="expert") as cell:
        person = replace(cell, helper=None)
        session = Session(CONFIG, person)
        helped = [human_steps(session, person, said) for _ in range(3)]
    assert all(n > 0 for n in helped) and said == [LEFT_ALONE] * 2


def test_hands_off_means_no_axis_and_no_button() -> None:
    class Pushes:
        def reset(self, seed: int | None = None) -> None: ...

        def input(self, reading: object, *, policy_active: bool) -> DeviceInput:
            return DeviceInput(5, np.ones(len(AXES)), frozenset({"clutch", "success"}))

    person = StandsBack(Pushes())
    assert person.input(None, policy_active=True).buttons == {"clutch", "success"}  # type: ignore[arg-type]
    person.back = True
    device = person.input(None, policy_active=True)  # type: ignore[arg-type]
    assert (device.stamp, device.buttons) == (5, frozenset()) and not device.axes.any()
