"""Who has fallen silent, the robot, the person beside it or the policy, and when that is worth a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STARTING = 10.0
"""[s] after its start in which a node does not warn of what it has yet to hear for the first time."""

POLICY_WITHIN = 2.0
"""[s] that a policy may leave readings unanswered; one that plans says at each that it is yet to act."""


def starting(now: int, started: int) -> bool:
    """Whether a node that started at that time is still so young at `now` [ns]."""
    return now - started < STARTING * 1e9


@dataclass
class Silence:
    """Stamps and times are of the system's clock [ns]."""

    started: int
    """When the listening began."""
    timeout: float
    """[s] that a reading of the robot stays good."""
    stood: int = 0
    """When it was heard last that the driver is done bringing the robot to a start: a driver that is busy reads
    nothing, and the first reading after it takes a moment."""

    def robot(self, now: int, newest: Mapping[str, int]) -> str:
        """What is to be said of the robot; empty while it is heard.

        Args:
            newest: stamp of the newest reading of each part.
        """
        for name, stamp in newest.items():
            if (now - max(stamp, self.stood)) * 1e-9 > self.timeout:
                return f"no reading from {name} for {(now - stamp) * 1e-9:.1f} s: every command is refused"
        return ""

    def person(self, now: int, *, ever_heard: bool) -> tuple[str, bool]:
        """What is to be said of a device that is not heard, and whether that is a warning already."""
        text = "no policy moves the robot until it is heard"
        if not ever_heard and starting(now, self.started):
            return f"the person's input device is not heard yet: {text}", False
        return f"the person's input device is silent: {text}", True

    def policy(self, now: int, since: int, answered: int) -> str:
        """What is to be said of a policy that is to act; empty while it is heard.

        Args:
            since: when its episode began.
            answered: stamp of the newest reading that it has answered.
        """
        seconds = (now - max(since, answered)) * 1e-9
        if seconds <= POLICY_WITHIN:
            return ""
        return (
            f"no answer from the policy for {seconds:.1f} s: the robot holds still. Is its process busy or its server "
            "away, or does a camera or measurement that it looks at fail to come?"
        )
