"""What a person asks of the episode manager: by services, and by the keys of the input device."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from std_srvs.srv import Trigger

from robot_rl.hardware.human import HumanInput
from robot_rl.ros.node import RobotNode
from robot_rl.runtime.episodes import MARKS
from robot_rl.runtime.heard_keys import HeardKeys

REQUESTS = ("start", "undo", *MARKS)


class PersonKeys:
    """Offers a service `episode/<request>` for each request, and hears the keys of the same names. What is
    asked for by a key and cannot be is said.

    Args:
        ask: takes a request; returns why not, or nothing.
        judges: whether this key does not ask, but judges each state for as long as it is held.
        success: told of the success key at a stamp [ns], whether it is held.
    """

    def __init__(
        self,
        node: RobotNode,
        ask: Callable[[str], str],
        judges: Callable[[str], bool],
        success: Callable[[int, bool], None],
    ) -> None:
        self._ask, self._judges, self._success, self._say = ask, judges, success, node.say
        self._lockstep = node.lockstep
        self._keys = HeardKeys()
        for name in REQUESTS:
            node.create_service(Trigger, f"episode/{name}", partial(self._serve, name))
        node.on_human(self._on_human)

    def holds(self, name: str) -> bool:
        """Whether this key is held now."""
        return self._keys.holds(name, time.monotonic())

    def silent(self, since: float) -> bool:
        """The device has not been heard of lately, nor since then [s, monotonic]; in lockstep one that takes part is
        waited for."""
        return self._keys.silent(time.monotonic(), since) and not (self._lockstep and self._keys.known)

    @property
    def heard(self) -> bool:
        """The device is heard now: what is pressed on it counts."""
        return not self.silent(float("-inf"))

    def _serve(self, name: str, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = self._ask(name)
        response.success = not response.message
        return response

    def _on_human(self, human: HumanInput) -> None:
        for name in self._keys.hear(human.pressed, time.monotonic()):
            if name in REQUESTS and not self._judges(name) and (why_not := self._ask(name)):
                self._say(f"{name}: {why_not}")
        self._success(human.stamp, "success" in human.pressed)
