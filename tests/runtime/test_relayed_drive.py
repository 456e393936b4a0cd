"""A reset routine whose steps others carry out."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from robot_rl.hardware.robot import Reading
from robot_rl.runtime.relayed_drive import DriveEndedError, RelayedDrive
from robot_rl.runtime.resets import ResetTimeoutError


def reading(stamp: int) -> Reading:
    return Reading({"q": np.array([float(stamp)])}, {"q": stamp})


class Graph:
    """Answers each proposal with the next reading, as robot and arbiter would."""

    def __init__(self, most: int = 10, patience: float = 5.0) -> None:
        self.asked: list[tuple[int, float]] = []
        self.drive = RelayedDrive(1, most, self.propose, patience)
        self.answers = True
        self.drive.seen(reading(0))

    def propose(self, stamp: int, action: np.ndarray) -> None:
        self.asked.append((stamp, float(action[0])))
        if self.answers:
            self.drive.executed(action / 2)
            self.drive.seen(reading(stamp + 1))


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except (DriveEndedError, ResetTimeoutError) as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, caught


def test_each_step_answers_the_newest_reading_and_waits_for_the_next() -> None:
    graph = Graph()
    assert graph.drive.look().stamp == 0
    assert [graph.drive.step(np.array([a])).stamp for a in (2.0, 4.0)] == [1, 2]
    assert graph.asked == [(0, 2.0), (1, 4.0)]
    assert graph.drive.sent == 2.0 and graph.drive.steps == 2 and graph.drive.reading.stamp == 2


def test_a_reading_that_comes_again_is_answered_again() -> None:
    graph = Graph()
    graph.drive.look()
    graph.answers = False
    thread, _ = in_thread(lambda: graph.drive.step(np.array([2.0])))
    while not graph.asked:
        pass
    graph.drive.seen(reading(0))
    assert graph.asked == [(0, 2.0), (0, 2.0)] and thread.is_alive()
    graph.drive.seen(reading(1))
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_no_step_is_asked_for_beyond_the_budget_or_after_the_end() -> None:
    graph = Graph(most=2)
    graph.drive.look()
    for _ in range(2):
        graph.drive.step(np.zeros(1))
    with pytest.raises(ResetTimeoutError, match="did not finish in 2 steps"):
        graph.drive.step(np.zeros(1))
    ended = Graph()
    ended.drive.look()
    ended.drive.end("the emergency stop is latched")
    ended.drive.end("later")
    with pytest.raises(DriveEndedError, match="emergency stop"):
        ended.drive.step(np.zeros(1))
    assert len(graph.asked) == 2 and ended.asked == []


def test_a_routine_that_waits_hears_of_the_end_and_of_silence() -> None:
    graph = Graph()
    graph.drive.look()
    graph.answers = False
    thread, caught = in_thread(lambda: graph.drive.step(np.zeros(1)))
    graph.drive.end("it was ended")
    thread.join(timeout=5)
    assert isinstance(caught[0], DriveEndedError)
    silent = Graph(patience=0.05)
    silent.drive.look()
    silent.answers = False
    with pytest.raises(ResetTimeoutError, match="no reading"):
        silent.drive.step(np.zeros(1))


def test_a_take_over_is_noted_for_the_step_in_which_it_happened() -> None:
    graph = Graph()
    graph.drive.look()
    graph.drive.step(np.zeros(1))
    assert not graph.drive.interrupted
    graph.drive.interrupt()
    assert graph.drive.interrupted
    graph.drive.step(np.zeros(1))
    assert not graph.drive.interrupted


def test_nothing_is_asked_for_once_the_end_has_been_told_even_by_a_step_that_is_just_being_taken() -> None:
    publishing, go = threading.Event(), threading.Event()
    asked: list[int] = []

    def propose(stamp: int, _: np.ndarray) -> None:
        publishing.set()
        go.wait(5.0)
        asked.append(stamp)

    drive = RelayedDrive(1, 10, propose)
    drive.seen(reading(3))
    drive.look()
    thread, caught = in_thread(lambda: drive.step(np.zeros(1)))
    assert publishing.wait(5.0)
    threading.Timer(0.1, go.set).start()
    drive.end("it was ended")
    assert asked == [3], "what was on its way is out before the end has been told"
    thread.join(timeout=5)
    assert isinstance(caught[0], DriveEndedError)
    drive.seen(reading(3))
    assert asked == [3]
