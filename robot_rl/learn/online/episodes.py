"""The episodes that a session runs itself: those it learns from, and those of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.learner import EPISODE_ID
from robot_rl.learn.online.marks import Marks
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.coming import LEFT_ALONE
from robot_rl.runtime.loop import EpisodeResult, EpisodeSink


def learning_episode(
    cell: Workcell,
    executor: AgentExecutor,
    config: OnlineConfig,
    tally: Tally,
    sink: EpisodeSink,
    marks: Marks | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> EpisodeResult:
    """The session's next episode: explored, counted, and its mark noted.

    Args:
        tally: counts the episode; its steps are counted by whoever hears of them.
        sink: takes the episode, for the record and for the learner.
        say: tells a person with a device in hand when to leave the robot to itself.
    """
    number = tally.begun
    if cell.leave(config.alone(number)):
        say(LEFT_ALONE)
    executor.mode = "warmup" if tally.robot_steps < config.warmup else "sample"
    begun, before = time.monotonic(), cell.resets
    name = f"online-{config.seed}-{number}"  # in the replay as in the data set
    result = cell.run(executor, config.episode_seed(number), "deployment", sink, **{EPISODE_ID: name})
    tally.seconds += time.monotonic() - begun
    if result.ending.result == "discarded":
        tally.discard()
    else:
        tally.episode(result.success)
    tally.resets(cell.resets - before)
    if marks is not None:
        marks.add(result.number, marked=result.ending.marked)
    return result


def held_out(cell: Workcell, executor: AgentExecutor, seeds: Iterable[int]) -> list[tuple[bool, int]]:
    """Success and steps of the agent as it is deployed, from each of these initial states; exploration draws nothing
    and goes on as it was."""
    mode, noise = executor.mode, executor.generator.get_state()
    executor.mode = "mode"
    executor.agent.eval()
    results = [cell.run(executor, seed, "evaluation") for seed in seeds]
    executor.agent.train()
    executor.mode = mode
    executor.generator.set_state(noise)
    return [(r.success, r.ending.steps) for r in results]
