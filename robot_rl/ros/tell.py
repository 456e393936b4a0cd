"""What a person says to a running graph from a terminal: `python -m robot_rl.ros.tell WORD`, or the keys of this one.

For a device in hand that has no buttons to say it with, and for another computer.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from robot_rl.hardware.devices.keyboard import Keyboard
from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.human import BUTTONS
from robot_rl.ros.sole import domains_of

SERVICES = {name: f"episode/{name}" for name in ("start", "success", "failure", "discard", "undo")}
SERVICES |= {"estop": "arbiter/estop", "release": "arbiter/release_estop"}
"""What can be said, and the service that hears it."""
KEYS = """\
  Enter  start    1  success    0  failure    Backspace  discard    u  take the last mark back
  Esc    emergency stop (the robot's own is quicker: keep it in reach)    Ctrl-C  end this, not the graph
"""
THERE_WITHIN = 5.0
"""[s] that a graph has to be found."""
ANSWER_WITHIN = 5.0
"""[s]"""


class TellError(RuntimeError):
    """Nobody is there to be told."""


class Teller:
    """Calls the services of the graph in this process's ROS domain."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._clients: dict[str, Any] = {
            word: node.create_client(Trigger, service) for word, service in SERVICES.items()
        }

    def tell(self, word: str) -> tuple[bool, str]:
        """Whether it was taken up, and what was answered. Raises TellError when there is no answer."""
        client = self._clients[word]
        if not client.wait_for_service(timeout_sec=THERE_WITHIN):
            raise TellError(
                f"nobody hears '{SERVICES[word]}' in ROS domain {self._node.context.get_domain_id()}: is a graph "
                "running? In another domain, or on another computer, say --domain"
            )
        answer = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self._node, answer, timeout_sec=ANSWER_WITHIN)
        if not answer.done():
            raise TellError(f"'{SERVICES[word]}' did not answer within {ANSWER_WITHIN:.0f} s")
        response: Any = answer.result()
        return response.success, response.message


def pressed(keyboard: Keyboard, every: float = 0.03) -> Iterator[str]:
    """The words whose keys are pressed, until the terminal is gone."""
    before = [0] * len(BUTTONS)
    while True:
        state = keyboard.poll()
        if not state.connected:
            return
        yield from (n for n, was, now in zip(BUTTONS, before, state.buttons, strict=True) if now > was)
        before = list(state.buttons)
        time.sleep(every)


def obey(keyboard: Keyboard, tell: Callable[[str], tuple[bool, str]], show: Callable[[str], object]) -> None:
    """Pass on what is pressed until the terminal is gone, and show what comes of it."""
    keyboard.open()
    try:
        for word in pressed(keyboard):
            if word in SERVICES:
                try:
                    done, answer = tell(word)
                    show(f"{word}: {answer or 'done'}" if done else f"{word}: not done: {answer}")
                except TellError as error:
                    show(f"{word}: {error}")
    finally:
        keyboard.close()


def choose_domain(given: int | None) -> int:
    """The domain asked for; else that of the one graph on this machine, else the environment's. Raises TellError where
    several run."""
    if given is not None:
        return given
    running = domains_of("/arbiter")
    if len(running) > 1:
        raise TellError(f"graphs run in the ROS domains {', '.join(map(str, running))}: say which with --domain")
    return running[0] if running else int(os.environ.get("ROS_DOMAIN_ID", "0") or "0")


@contextmanager
def _teller(domain: int | None) -> Iterator[Teller]:
    rclpy.init(args=[], domain_id=choose_domain(domain))
    node = Node(f"tell_{os.getpid()}")
    try:
        yield Teller(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", choices=tuple(SERVICES))
    parser.add_argument("--domain", type=int)
    options = parser.parse_args(argv)
    try:
        with _teller(options.domain) as teller:
            if options.word is None:
                keyboard = Keyboard(show=lambda _: sys.stderr.write(KEYS))
                obey(keyboard, teller.tell, lambda line: print(line, flush=True))
                return 0
            done, answer = teller.tell(options.word)
            print(answer or "done")
            return 0 if done else 1
    except (TellError, DeviceError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
