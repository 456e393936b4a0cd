"""The node that runs a policy: readings (and images) in, one proposed action for each reading out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from robot_rl.control.envelope import REFUSED
from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.errors import ConfigError
from robot_rl.hardware.robot import Reading
from robot_rl.policies.execution import Executor
from robot_rl.policies.modes import ExecutionConfig, check_speed, make_executor
from robot_rl.policies.policy import Policy
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.loop import Follower
from robot_rl.serving.loading import load_policy

VOID = (REFUSED | Safety.RETREAT) & ~Safety.STALE_COMMAND
"""After a step with any of these flags nothing is left of what was planned."""


class PolicyNode(RobotNode):
    """Parameters: `checkpoint` (a directory, or `ws://host:port` of a policy server), `device`; `seed`, for episodes
    that come without one; `execution`, `action_steps`, `latency_steps`, `overrun`, `decay` and `samples` as
    `ExecutionConfig` has them; for servers other than robot_rl's `fields` (what they call the robot's fields) and
    `prompt` (the task in words).

    In real time a policy that cannot keep up with the robot is refused here, before anything moves. Without a
    measurement or picture that is fresh it does not act, what it had planned is void, and the robot holds.
    """

    def __init__(self) -> None:
        super().__init__("policy")
        path = self.param("checkpoint", "")
        if not path:
            raise ConfigError("parameter 'checkpoint' is empty: give the directory that `robot-rl train` wrote")
        self._policy = self._load(path)
        self._executor = self._make_executor()
        self._seed = self.param("seed", 0)
        self._active, self._start = False, -1
        self._interrupted = False
        self._decision_stamp = -1
        self._last: tuple[int, JointState] = (-1, JointState())
        self._images: dict[str, tuple[int, NDArray[Any]]] = {}
        self._cameras = [n for n in self.config.cameras if n in self._needed]
        self._oldest = self._ages()
        self._publisher = self.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        for name in self._cameras:
            self.create_subscription(Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream())
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.stream())
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self._reported = (0, 0)
        self.create_timer(1.0, self._report)

    def _load(self, path: str) -> Policy:
        return load_policy(
            path,
            self.spec,
            self.config.cameras,
            device=self.param("device", "cpu"),
            fields=self.param("fields", ""),
            prompt=self.param("prompt", "") or str(self.config.task.get("instruction", "")),
        )

    def _ages(self) -> dict[str, int]:
        """How old [ns] what is looked at may be, in real time, beside the newest measurement."""
        patience, spec = float(self.config.limits["observation_timeout"]), self.spec
        seconds = {n: patience + 2.0 / c.fps for n, c in self.config.cameras.items()}
        seconds |= {f.name: patience + 1.0 / (f.rate or spec.rate) for f in spec.observation.vectors}
        return {name: round(s * 1e9) for name, s in seconds.items()}

    @property
    def _needed(self) -> Set[str]:
        """What is looked at."""
        return set(self._policy.observation_names)

    def _make_executor(self) -> Executor:
        config = ExecutionConfig(
            mode=self.param("execution", "receding"),  # type: ignore[arg-type]
            action_steps=self.param("action_steps", 0),
            latency_steps=self.param("latency_steps", 1),
            overrun=self.param("overrun", "still"),  # type: ignore[arg-type]
            decay=self.param("decay", 0.01),
            samples=self.param("samples", 1),
        )
        seconds = 0.0 if self.lockstep else check_speed(self._policy, config)
        if seconds:
            self.say(f"a chunk of {self._policy.horizon} steps takes {1e3 * seconds:.1f} ms; execution {config.mode}")
        return make_executor(self._policy, config, simulated=self.lockstep, latency=seconds)

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event["purpose"] != "demonstration":
            seed = event.get("seed")
            self._executor.reset(self._seed if seed is None else seed)
            self._active, self._start, self._interrupted = True, event["stamp"], False
            self._images.clear()
            self._propose()
        elif event["event"] in ("reset", "end", "begin"):
            self._active = False

    def _on_decision(self, message: JointState) -> None:
        self._decided(wire.read_decision(self.spec.action, message))
        if self._active and self.lockstep:
            self._propose()

    def _decided(self, decision: Decision) -> None:
        """What is left of a chunk is void after a step that somebody else took, by holding still too, or that was
        refused. Where the policy was merely late it goes on: a slow one would else begin anew for ever."""
        others = decision.source != Source.NONE or decision.phase in (Phase.RECOVERY, Phase.CORRECTION)
        self._interrupted = decision.interrupted and (others or bool(decision.safety & VOID))
        self._decision_stamp = decision.stamp
        if isinstance(self._executor, Follower):
            self._executor.follow(decision.action)

    @property
    def _undecided(self) -> bool:
        """In lockstep: what became of the action before is still on its way here."""
        return self.lockstep and self._start <= self._last[0] and self._decision_stamp < self._last[0]

    def _on_image(self, name: str, message: Image) -> None:
        self._images[name] = (codecs.stamp_of(message), codecs.decode_image(message))
        if self.lockstep:
            self._propose()

    def _on_reading(self, _reading: Reading) -> None:
        self._propose()

    def _observation(self) -> tuple[int, dict[str, NDArray[Any]]] | None:
        """Stamp [ns] and fields of what is seen of this episode now; None while something is missing."""
        reading = self._state.latest
        if reading is None or reading.stamp < self._start:
            return None
        if stale := self.stale(reading, self._images, self._cameras):
            if not self.lockstep and (stale in self._images or stale in reading.stamps):
                self._executor.interrupt()
            return None
        values = {**reading.values, **{n: pixels for n, (_, pixels) in self._images.items()}}
        return reading.stamp, {n: np.asarray(values[n]) for n in self._policy.observation_names}

    def _answer(self, stamp: int, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
        """The action (A,) for what was seen at `stamp` [ns]."""
        return self._executor.act(values)

    def _propose(self) -> None:
        seen = self._observation() if self._active else None
        if seen is None:
            return
        stamp, values = seen
        if stamp != self._last[0]:
            if self._undecided:
                return
            if self._interrupted:
                self._executor.interrupt()
            action = self._answer(stamp, values)
            labels = self.spec.action.labels if action is not None else ()
            self._last = (stamp, codecs.labelled(stamp, labels, action if action is not None else ()))
        self._publisher.publish(self._last[1])

    @property
    def reading(self) -> Reading | None:
        """The newest."""
        return self._state.latest

    def propose(self, stamp: int, action: NDArray[np.float64] | None) -> None:
        """Ask the arbiter for an action (A,) in answer to the reading of that stamp [ns]; None for holding still, which
        in lockstep nobody waits for."""
        if action is not None:
            self._publisher.publish(codecs.labelled(stamp, self.spec.action.labels, action))
        elif not self.lockstep:
            self._publisher.publish(codecs.labelled(stamp, (), ()))

    def _report(self) -> None:
        """What execution has counted, and how long chunks take; a warning for a second in which something was late."""
        counts = self._executor.counts
        troubles = (counts.overruns, counts.failures)
        late, self._reported = troubles != self._reported, troubles
        seconds = np.array(counts.seconds or [0.0])
        values = {
            "chunks": str(counts.chunks),
            "held": str(counts.held),
            "overruns": str(counts.overruns),
            "failures": str(counts.failures),
            "chunk_p50_ms": f"{1e3 * np.median(seconds):.1f}",
            "chunk_p99_ms": f"{1e3 * np.percentile(seconds, 99):.1f}",
        }
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if late else DiagnosticStatus.OK,
            name="policy: execution",
            message="chunks come late or not at all" if late else "on",
            hardware_id=self.config.name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def close(self) -> None:
        if hasattr(self, "_executor"):
            self._executor.close()

    def stale(self, reading: Reading, pictures: Mapping[str, tuple[int, NDArray[Any]]], cameras: Sequence[str]) -> str:
        """The first of the measurements and `cameras` looked at that is missing beside the reading, or too old to be
        acted on; empty for none. In lockstep: without the picture that is due.

        Args:
            pictures: the newest of each camera with its stamp [ns].
        """
        if self.lockstep:
            return next((n for n in cameras if not self._due(n, reading.stamp, pictures)), "")
        stamps = dict(reading.stamps) | {n: stamp for n, (stamp, _) in pictures.items()}
        for name in (*(n for n in reading.stamps if n in self._needed), *cameras):
            if name not in stamps:
                return name
            if (age := reading.stamp - stamps[name]) > self._oldest[name]:
                slow = "; one that comes seldom says so by its `rate` in robot.yaml" if name in reading.stamps else ""
                self.get_logger().warning(
                    f"nothing new of '{name}' for {age * 1e-9:.1f} s: the policy waits{slow}", throttle_duration_sec=2.0
                )
                return name
        return ""

    def _due(self, camera: str, stamp: int, pictures: Mapping[str, tuple[int, NDArray[Any]]]) -> bool:
        """The picture that belongs to simulated time `stamp` [ns] is here."""
        period = round(1e9 / self.config.cameras[camera].fps)
        return camera in pictures and pictures[camera][0] > stamp - period + self.spec.period_ns // 2


def main(argv: Sequence[str] | None = None) -> int:
    return run(PolicyNode, argv)
