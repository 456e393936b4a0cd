"""What the episode manager tells everyone, on `episode/event`.

| event | when |
|---|---|
| reset | the robot is to get ready for an episode, or for its own reset before it; asked again until it is |
| drive, driven | the robot's own reset begins, and is over |
| begin, end | steps from this stamp on belong to the episode; the step at this stamp was its last |
| undo | the newest mark is taken back |
| done | there are no more episodes |
"""

from __future__ import annotations

from robot_rl.ros import topics
from robot_rl.ros.node import RobotNode
from robot_rl.runtime.driving import Driving
from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.preparation import Preparation


class EpisodeEvents:
    """Published by a node with parameters `task` (instruction), `operator` (a name) and `policy`, which go with each
    `begin`."""

    def __init__(self, node: RobotNode) -> None:
        self._node = node
        self.policy = node.param("policy", "")
        instruction = node.param("task", "") or str(node.config.task.get("instruction", ""))
        self._about = {"instruction": instruction, "operator": node.param("operator", ""), "policy": self.policy}

    def reset(self, preparation: Preparation) -> None:
        """The robot is to get ready."""
        self._publish("reset", **preparation.request())

    def drive(self, preparation: Preparation, drive: Driving) -> None:
        """The robot is to reset itself, from where it stands now."""
        episode = preparation.episode_of(drive)
        self._publish("drive", stamp=drive.start, **episode, most=drive.wanted["most"])

    def driven(self, preparation: Preparation, drive: Driving, success: bool, why: str) -> None:
        """The robot has reset itself, or could not, and why."""
        episode = preparation.episode_of(drive)
        self._publish("driven", **episode, success=success, steps=drive.steps, why=why)

    def begin(self, preparation: Preparation, stamp: int, judge: str, *, hands_back: bool) -> None:
        """Steps at `stamp` [ns] or later belong to the episode; `judge` says whose word counts of each state, `stood`
        since when [ns] the robot has stood at its start, `alone` whether it is to be left to itself, `hands_back`
        whether a policy acts again after a person did."""
        how = {"judge": judge, "stood": preparation.start, "alone": preparation.alone, "hands_back": hands_back}
        self._publish("begin", stamp=stamp, **self._about, **how, **preparation.episode)

    def end(self, preparation: Preparation, ending: Ending, *, states_judged: bool) -> None:
        """The episode is over; `judged` says whether it is known without a person's mark how it ended."""
        self._publish(
            "end",
            episode=preparation.name,
            stamp=ending.end_stamp,
            result=ending.result,
            steps=ending.steps,
            terminated=ending.terminated,
            truncated=ending.truncated,
            marked=ending.marked,
            judged=ending.judged_unmarked(states=states_judged),
        )

    def undo(self) -> None:
        """The newest mark is to be taken back."""
        self._publish("undo")

    def done(self) -> None:
        """There are no more episodes."""
        self._publish("done")

    def _publish(self, event: str, **about: object) -> None:
        self._node.publish_event(topics.EPISODE_EVENT, event=event, **about)
