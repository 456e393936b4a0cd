"""A gripper by choice: what the record calls open, stay and close; what a change costs and where; what is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_rl.datasets import Dataset
from robot_rl.datasets.record import Phase
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.gripper import CLOSE, OPEN, STAY, GripperActor, GripperConfig, GripperSac
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.spec import Field, Layout, Spec

ACTION = Layout(
    (
        Field("gripper", (1,), low=(0.0,), high=(1.0,)),
        Field("velocity", (2,), low=(-1.0, -1.0), high=(1.0, 1.0)),
    )
)
CONFIG = SacConfig(critics=2, hidden=(8,), batch=4, target_entropy=-1.0)


def actor(**changes: Any) -> GripperActor:
    torch.manual_seed(0)
    return GripperActor(Features(3), ActionScale(ACTION), (8,), GripperConfig("gripper", **changes), ACTION)


def sac(penalty: float = 0.02) -> GripperSac:
    return GripperSac(CONFIG, actor(), torch.device("cpu"), 0, penalty)


def batch(held: list[float], commands: list[float]) -> Batch:
    n, g = len(held), torch.Generator().manual_seed(0)
    executed = torch.tensor([[c, 0.3, -0.2] for c in commands])
    before = {"state": torch.randn(n, 3, generator=g), "previous_action": torch.tensor([[h, 0.0, 0.0] for h in held])}
    after = {"state": torch.randn(n, 3, generator=g), "previous_action": executed}
    every = torch.ones(n, 1, dtype=torch.bool)
    unit = ActionScale(ACTION).to_unit(executed)[:, None]
    return Batch(before, unit, every, torch.ones(n), torch.full((n,), 0.9), after, torch.ones(n), every[:, 0])


def always(learner: GripperSac, values: list[float]) -> None:
    """Make the gripper's values and their lagged copy constants."""
    for critic in (learner.actor.gripper, learner.gripper_target):
        torch.nn.init.zeros_(critic[-1].weight)
        critic[-1].bias.data = torch.tensor(values)


def test_the_record_tells_open_stay_and_close_by_what_became_of_the_command() -> None:
    held, commands = [0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5], [0.0, 1.0, 1.0, 0.0, 0.5, 1.0, 0.5]
    expected = [STAY, CLOSE, STAY, OPEN, CLOSE, CLOSE, STAY]
    assert actor().chosen(batch(held, commands))[:, 0].tolist() == expected
    swapped = actor(open=1.0, closed=0.0)
    assert swapped.chosen(batch(held, commands))[:, 0].tolist() == [STAY, OPEN, STAY, CLOSE, OPEN, OPEN, STAY]


def test_over_several_steps_each_change_costs_discounted_and_only_while_the_return_runs() -> None:
    data = batch([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    later = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])  # commands of the second and third step
    rest = torch.stack([2 * later - 1, torch.zeros(3, 2), torch.zeros(3, 2)], dim=2)  # of open and closed, in units
    mask = torch.tensor([[True, True, True], [True, True, True], [True, True, False]])
    several = replace(data, actions=torch.cat([data.actions, rest], dim=1), mask=mask)
    assert actor().chosen(several).tolist() == [[STAY, CLOSE, STAY], [CLOSE, STAY, OPEN], [STAY, OPEN, STAY]]
    costly, free = sac(0.02), sac(0.0)
    difference = costly.gripper_values_target(several) - free.gripper_values_target(several)
    torch.testing.assert_close(difference, -0.02 * torch.tensor([0.97, 1 + 0.97**2, 0.97]))


def test_stay_holds_the_command_that_was_carried_out_and_close_closes() -> None:
    made, held = actor(), torch.tensor([0.0, 1.0, 0.5, 0.0, 1.0])
    choice = torch.tensor([STAY, STAY, STAY, CLOSE, OPEN])
    torch.testing.assert_close(made.command(choice, held), torch.tensor([-1.0, 1.0, 0.0, 1.0, -1.0]))


def test_only_a_change_costs_and_only_in_the_grippers_values() -> None:
    data = batch([0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0])
    costly, free = sac(0.02), sac(0.0)
    difference = costly.gripper_values_target(data) - free.gripper_values_target(data)
    torch.testing.assert_close(difference, torch.tensor([0.0, -0.02, 0.0, -0.02]))
    slopes = []
    for learner in (costly, free):
        learner.critic_loss(data, torch.ones(4)).backward()
        slopes.append((learner.critics.layers[-1].weight.grad, learner.actor.gripper[-1].weight.grad))
    assert torch.equal(slopes[0][0], slopes[1][0])
    assert not torch.allclose(slopes[0][1], slopes[1][1])


def test_the_target_is_the_lagged_value_of_the_choice_that_can_be_made_next() -> None:
    learner, data = sac(0.0), batch([0.0, 0.0], [0.0, 1.0])  # then open, and closed
    always(learner, [5.0, 2.0, 1.0])
    learner.gripper_target[-1].bias.data = torch.tensor([5.0, 10.0, 20.0])
    torch.testing.assert_close(learner.gripper_values_target(data), torch.tensor([1 + 0.9 * 10, 1 + 0.9 * 5]))


def test_the_continuous_part_does_not_see_the_gripper() -> None:
    learner, data = sac(), batch([0.0, 0.0], [0.0, 1.0])
    assert learner.actor.critic_size == 2
    torch.testing.assert_close(learner.actor.executed(data), torch.tensor([[0.3, -0.2]] * 2))


@pytest.mark.parametrize(
    ("values", "expected"), [((-1.0, 0.0, 1.0), [1.0, 1.0, 1.0]), ((0.0, 1.0, 0.0), [0.0, 1.0, 0.5])]
)
def test_an_answer_puts_the_command_where_the_gripper_is(values: tuple[float, ...], expected: list[float]) -> None:
    learner = sac()
    always(learner, list(values))
    seen: dict[str, Tensor] = batch([0.0, 1.0, 0.5], [0.0, 0.0, 0.0]).observation
    answer = learner.actor.act(seen, "mode", torch.Generator())
    assert learner.actor.scale.to_physical(answer.actions[:, 0])[:, 0].tolist() == pytest.approx(expected)
    torch.testing.assert_close(answer.actions[:, 0, 1:], learner.actor.mode(seen))


def test_its_values_learn_which_choice_pays() -> None:
    """Closing pays 1 and ends, all else nothing; in a quarter of the steps each."""
    learner = sac(0.1)
    data = batch([0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0])
    paid = replace(
        data, reward=torch.tensor([0.0, 1.0, 0.0, 0.0]), bootstrap=torch.zeros(4), observation=dict(data.observation)
    )
    paid.observation["state"] = torch.zeros(4, 3)
    for group in learner.optimizers["critics"].param_groups:
        group["lr"] = 0.01
    for _ in range(300):
        learner.update([paid])
    seen = paid.observation
    values = learner.actor.values(learner.actor.gripper, learner.actor.features(seen), learner.actor.held(seen))
    chosen = values.detach().gather(1, learner.actor.chosen(paid))[:, 0]
    torch.testing.assert_close(chosen, torch.tensor([0.0, 0.9, 0.0, -0.1]), atol=0.03, rtol=0)


def test_rows_hold_what_was_executed_before_and_open_at_the_start() -> None:
    spec = Spec("bench", 10.0, Layout((Field("position", (3,)),)), ACTION, "velocity")
    learner = Learner(OnlineConfig(RlpdConfig(CONFIG, GripperConfig("gripper", open=1.0, closed=0.0))), spec)
    observer, seen = learner.observer, {"position": np.zeros(3)}
    observer.reset(0)
    first = observer.row(seen)
    observer.follow(np.array([0.25, 0.1, 0.0]))
    second = observer.row(seen)
    assert first is not None and second is not None
    np.testing.assert_allclose(first["previous_action"], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(second["previous_action"], [0.25, 0.1, 0.0])
    observer.reset(0)
    again = observer.row(seen)
    assert again is not None and again["previous_action"][0] == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GripperConfig("gripper", open=1.0, closed=1.0), "must differ"),
        (lambda: GripperConfig("griper").index(ACTION), "Did you mean 'gripper'"),
        (lambda: GripperConfig("gripper", closed=2.0).index(ACTION), "outside 'gripper'"),
    ],
)
def test_a_gripper_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make()


def test_the_action_before_is_the_one_executed_in_demonstrations_and_on_the_robot(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    label = cell.robot.spec.action.labels[1]
    rlpd = RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8, utd=1), GripperConfig(label, open=-1.0, closed=1.0))
    config = OnlineConfig(rlpd, steps=60, warmup=40, evaluate_every=1000, evaluation_seeds=(9000,), capacity=500)
    session = Session(config, cell, make_demonstrations(2))
    session.run()
    replay = session.learner.replay
    before, first, demonstrated = replay.observation["previous_action"], 0, 0
    for row in replay.views["all"].rows:
        if replay.columns["step"][row] == 0:
            np.testing.assert_array_equal(before[row], [0.0, -1.0])
            first += 1
        np.testing.assert_array_equal(before[row + 1], replay.columns["action"][row])
        demonstrated += int(replay.columns["phase"][row] == Phase.DEMONSTRATION)
    assert first > 2 and 0 < demonstrated < len(replay)


def test_the_loop_tells_an_executor_what_the_robot_was_sent_not_what_it_asked_for(cell: Workcell) -> None:
    class Eager:
        def __init__(self) -> None:
            self.told: list[Any] = []

        def reset(self, seed: int | None = None) -> None: ...

        def act(self, values: Any) -> Any:
            return np.array([9.0, 9.0])

        def observe(self, values: Any) -> None: ...

        def interrupt(self) -> None: ...

        def follow(self, executed: Any) -> None:
            self.told.append(executed)

    executor = Eager()
    result = cell.run(executor, 9000, "deployment")
    assert len(executor.told) == result.ending.steps > 0
    assert np.abs(executor.told).max() <= 2.0


def test_a_row_holds_what_was_sent_where_that_is_not_what_was_asked_for(cell: Workcell) -> None:
    label = cell.robot.spec.action.labels[1]
    rlpd = RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8), GripperConfig(label, open=-1.0, closed=1.0))
    executor = Session(OnlineConfig(rlpd, demo_share=0.0, capacity=50), cell).executor
    seen = {"position": np.zeros(2), "goal": np.ones(2)}
    executor.reset(0)
    executor.act(seen)
    executor.follow(np.array([0.125, -0.5]))
    executor.act(seen)
    np.testing.assert_array_equal(executor.rows[-1]["previous_action"], [0.125, -0.5])
