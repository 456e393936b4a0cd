"""What a person says to a running graph from a terminal: `python -m robot_rl.ros.tell WORD`, or the keys of this one.

For a device in hand that has no buttons to say it with, and for another computer. One word takes seconds, since the
graph has to be found first: to stop the robot in a hurry, the keys have to be open already.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from robot_rl.hardware.devices.keyboard import Keyboard
from robot_rl.hardware.devices.raw import DeviceError, RawState
from robot_rl.hardware.human import BUTTONS
from robot_rl.ros.sole import domains_of
from robot_rl.ros.tell_keys import ESTOP_KEYS, NO_EPISODES, EpisodeKeys

SERVICES = {name: f"episode/{name}" for name in ("start", "success", "failure", "discard", "undo")}
SERVICES |= {"estop": "arbiter/estop", "release": "arbiter/release_estop"}
"""What can be said, and the service that hears it."""
THERE_WITHIN = 5.0
"""[s] that a graph has to be found."""
ANSWER_WITHIN = 5.0
"""[s]"""
LOOK = 0.02
"""[s] between two looks at the keys."""
REPEATS = 700_000_000
"""A key that comes again within this time [ns] is still held: terminals repeat one after half a second."""


class TellError(RuntimeError):
    """Nobody is there to be told."""


class Keys(Protocol):
    """What `Keyboard` does, as far as it is asked for here."""

    def open(self) -> None: ...
    def poll(self) -> RawState: ...
    def close(self) -> None: ...


class Teller:
    """Calls the services of the graph in a node's ROS domain, and never waits for one that is busy."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._clients: dict[str, Any] = {w: node.create_client(Trigger, s) for w, s in SERVICES.items()}
        self._asked: list[tuple[str, Any, float]] = []

    def find(self, word: str) -> None:
        """Wait until somebody hears this word. Raises TellError where nobody does."""
        if not self._clients[word].wait_for_service(timeout_sec=THERE_WITHIN):
            raise TellError(self._nobody(word))

    @property
    def episodes(self) -> bool:
        """Somebody is there who runs episodes."""
        return bool(self._clients["start"].service_is_ready())

    def ask(self, word: str) -> None:
        """Say it. Raises TellError where nobody hears it now."""
        if not self._clients[word].service_is_ready():
            raise TellError(self._nobody(word))
        self._asked.append((word, self._clients[word].call_async(Trigger.Request()), time.monotonic()))

    def answers(self, within: float) -> list[tuple[str, bool, str]]:
        """What is answered within this time [s]: the word, whether it was taken up, and what was said."""
        rclpy.spin_once(self._node, timeout_sec=within)
        heard, waiting = [], []
        for word, answer, since in self._asked:
            if answer.done():
                heard.append((word, answer.result().success, answer.result().message))
            elif time.monotonic() > since + ANSWER_WITHIN:
                heard.append((word, False, f"no answer within {ANSWER_WITHIN:.0f} s"))
            else:
                waiting.append((word, answer, since))
        self._asked = waiting
        return heard

    def tell(self, word: str) -> tuple[bool, str]:
        """Say it and wait for the answer. Raises TellError where nobody hears it."""
        self.find(word)
        self.ask(word)
        while not (heard := self.answers(LOOK)):
            pass
        return heard[0][1:]

    def _nobody(self, word: str) -> str:
        if not self.episodes and self._clients["estop"].service_is_ready() and SERVICES[word].startswith("episode/"):
            return NO_EPISODES
        return (
            f"nobody hears '{SERVICES[word]}' in ROS domain {self._node.context.get_domain_id()}: is a graph with "
            "it running? In another domain, or on another computer, say --domain"
        )


class Pressed:
    """Which words are pressed anew from one look at the keys to the next, the emergency stop first."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        """When [ns] each key was seen down last."""
        self._before: set[str] = set()

    def look(self, state: RawState) -> list[str]:
        """In the order in which they are to be said."""
        down = {n for n, held in zip(BUTTONS, state.buttons, strict=True) if held and n in SERVICES}
        new = [w for w in down - self._before if w == "estop" or state.stamp - self._held.get(w, -REPEATS) >= REPEATS]
        self._before = down
        self._held |= dict.fromkeys(down, state.stamp)
        return sorted(new, key=lambda word: word != "estop")


def obey(
    keyboard: Keys, teller: Teller, show: Callable[[str], object], meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Pass on what is pressed until the terminal is gone, and show what comes of it; `meanwhile` is called again and
    again."""
    pressed = Pressed()
    keyboard.open()
    try:
        while (state := keyboard.poll()).connected:
            for word in pressed.look(state):
                try:
                    teller.ask(word)
                except TellError as error:
                    show(f"{word}: {error}")
            for word, done, answer in teller.answers(LOOK):
                show(f"{word}: {answer or 'done'}" if done else f"{word}: not done: {answer}")
            meanwhile()
    finally:
        keyboard.close()


def domains(given: int | None) -> list[int]:
    """Where the graph may be: the domain asked for; else that of ROS_DOMAIN_ID, and those of the graphs here. None of
    these: nowhere, since in domain 0 a colleague's robot may be."""
    if given is not None:
        return [given]
    told = os.environ.get("ROS_DOMAIN_ID", "")
    return sorted({*domains_of("/arbiter"), *([int(told)] if told else [])})


@contextmanager
def _teller(domain: int) -> Iterator[Teller]:
    rclpy.init(args=[], domain_id=domain)
    node = Node(f"tell_{os.getpid()}")
    try:
        yield Teller(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _say(word: str, domain: int) -> int:
    """Say one word in a domain, and show the answer. Returns the exit code."""
    try:
        with _teller(domain) as teller:
            done, answer = teller.tell(word)
    except TellError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    print(f"ROS domain {domain}: {answer or 'done'}", flush=True)
    return 0 if done else 1


def _show(line: str) -> None:
    print(line, flush=True)


def _listen(domain: int) -> int:
    with _teller(domain) as teller:
        teller.find("estop")
        keys = EpisodeKeys(lambda: teller.episodes, _show, time.monotonic())
        keyboard = Keyboard(show=lambda _: sys.stderr.write(ESTOP_KEYS))
        obey(keyboard, teller, _show, lambda: keys.look(time.monotonic()))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", choices=tuple(SERVICES))
    parser.add_argument("--domain", type=int)
    options = parser.parse_args(argv)
    candidates = domains(options.domain)
    try:
        if options.word == "estop":  # whichever is meant
            return min(_say("estop", domain) for domain in candidates or [0])
        if not candidates:
            raise TellError("no graph runs on this computer: for one on another computer say --domain")
        here = os.environ.get("ROS_DOMAIN_ID", "")
        if len(candidates) > 1 and here and int(here) in domains_of("/arbiter"):
            candidates = [int(here)]
        if len(candidates) > 1:
            raise TellError(f"which graph? ROS domains {', '.join(map(str, candidates))}: say --domain")
        return _listen(candidates[0]) if options.word is None else _say(options.word, candidates[0])
    except (TellError, DeviceError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
