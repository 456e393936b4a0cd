"""When a robot node reads and moves: on the clock, or in lockstep with those who command it."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading, RobotError, Simulated
from robot_rl.ros import codecs, topics
from robot_rl.runtime.silence import starting

if TYPE_CHECKING:
    from robot_rl.ros.robot_node import RobotServer

RESEND_AFTER = 1.0
"""In lockstep, a state that nobody answered is sent again after this long [s, wall]: late joiners, lost messages."""

LET_FINISH = 0.05
"""[s] that what the driver is doing is given before the robot is stopped beside it."""


class Pace(Protocol):
    """How the events that reach a robot node are turned into calls on the robot."""

    def command(self, stamp: int, action: NDArray[np.float64]) -> None: ...
    def reset(self, episode: str, seed: int | None, *, kept: bool) -> None: ...
    def end(self, episode: str) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class LockstepPace:
    """A simulated robot advances one control period for each command, and no faster than its cameras follow."""

    def __init__(self, node: RobotServer, cameras: list[str]) -> None:
        if not isinstance(node.robot, Simulated):
            raise ConfigError(f"lockstep:=true needs a simulated robot; '{node.config.name}' runs in real time")
        self._node = node
        self._period = node.spec.period_ns
        self._reading: Reading | None = None
        self._command: NDArray[np.float64] | None = None
        self._episode, self._started, self._active = "", 0, False
        self._frames = dict.fromkeys(cameras, -1)
        self._lag = {name: round(1e9 / node.config.cameras[name].fps) + self._period for name in cameras}
        for name in cameras:
            node.create_subscription(
                CameraInfo, topics.camera_info(name), lambda m, n=name: self._on_frame(n, m), topics.stream()
            )
        self._resend = node.create_timer(RESEND_AFTER, self._send_again)

    def reset(self, episode: str, seed: int | None, *, kept: bool) -> None:
        kept = kept and self._reading is not None
        if self._reading is None or episode != self._episode:
            if self._reading is None or not kept:
                self._reading = self._node.reset_robot(seed)
                self._started, self._frames = self._reading.stamp, dict.fromkeys(self._frames, -1)
            else:
                self._reading = self._stand(self._reading.stamp + self._period)
            self._episode, self._command, self._active = episode, None, True
        self._node.ready(episode, self._reading.stamp, kept=kept)
        self._node.publish_reading(self._reading)

    def _stand(self, until: int) -> Reading:
        """The scene stays as it is; what is measured then is told apart by its stamp from what was said before."""
        self._node.robot.stop()
        self._node.robot.clock.sleep_until(until)
        return self._node.robot.read()

    def end(self, episode: str) -> None:
        self._active = self._active and episode != self._episode

    def stop(self) -> None:
        self._node.robot.stop()

    def command(self, stamp: int, action: NDArray[np.float64]) -> None:
        if self._reading is not None and stamp == self._reading.stamp:
            self._command = action
            self._advance()

    def _on_frame(self, camera: str, info: CameraInfo) -> None:
        self._frames[camera] = codecs.stamp_of(info)
        self._advance()

    def _cameras_follow(self, stamp: int) -> bool:
        """Each camera has delivered a frame no older than one of its periods and one of ours."""
        return all(
            frame >= stamp - self._lag[name] or stamp - self._started <= self._lag[name]
            for name, frame in self._frames.items()
        )

    def _advance(self) -> None:
        if self._command is None or self._reading is None or not self._cameras_follow(self._reading.stamp):
            return
        stamp, action, self._command = self._reading.stamp, self._command, None
        self._node.send(stamp, action)
        clock = self._node.robot.clock
        clock.sleep_until(stamp + self._period)
        self._reading = self._node.robot.read()
        self._node.publish_reading(self._reading)
        self._resend.reset()

    def _send_again(self) -> None:
        if self._active and self._reading is not None:
            self._node.publish_reading(self._reading)

    def close(self) -> None:
        self._resend.cancel()


class RealtimePace:
    """Reads on absolute deadlines in a thread of its own (rclpy timers drop ticks under load) and executes each command
    as it arrives. Resets run in a thread too, and so does the watch that stops the robot when commands cease: an
    emergency stop is heard while the robot drives to its start, and a driver that hangs is stopped nevertheless.

    A real robot does not move before somebody asks for an episode; a simulated one is reset at once.
    """

    def __init__(self, node: RobotServer, seed: int) -> None:
        self._node, self._clock, self._lock = node, SystemClock(), threading.Lock()
        self._period = node.spec.period_ns
        self._timeout = round(float(node.config.limits.get("command_timeout", 0.25)) * 1e9)
        self._episode, self._resetting, self._offset = "", "", 0
        self._last_command: int | None = None
        self._started, self._obeyed = self._clock.now(), False
        """Whether any command was obeyed since: while a graph starts, the first may come late."""
        self._cut = False
        """The reset under way, or the next, has been stopped before its end."""
        self._ended = threading.Event()
        if isinstance(node.robot, Simulated):
            self._start_scene(seed)
        self._threads = [node.in_thread(self._loop, "robot"), node.in_thread(self._watch, "watch")]

    def _start_scene(self, seed: int | None) -> Reading:
        reading = self._node.reset_robot(seed)
        if isinstance(self._node.robot, Simulated):
            self._offset = self._clock.now() - self._node.robot.clock.now()
        self._last_command = None
        return reading

    def reset(self, episode: str, seed: int | None, *, kept: bool) -> None:
        """Begin to bring the robot to its start; who asks once more while it is under way changes nothing."""
        if not self._resetting:
            self._resetting, self._last_command, self._cut = episode, None, False
            work = partial(self._reset, episode, seed, kept=kept)
            self._threads = [t for t in self._threads if t.is_alive()] + [self._node.in_thread(work, "reset")]

    def _reset(self, episode: str, seed: int | None, *, kept: bool) -> None:
        try:
            with self._lock:  # whoever held it may have been slow: is the reset still wanted?
                reading = None if self._unwanted else self._node.robot.read()
                if episode != self._episode and not kept and not self._unwanted:
                    reading = self._start_scene(seed)
                if reading is None or self._unwanted:
                    return
                self._episode = episode
            # What was said of this very reading may still have been said of another goal.
            self._node.ready(episode, reading.stamp + self._offset + int(kept), kept=kept)
        except RobotError as error:
            if not self._unwanted:
                self._node.fault(str(error))
        finally:
            self._resetting = ""

    @property
    def _unwanted(self) -> bool:
        """The reset under way has been stopped."""
        return self._cut or self._node.stopped or self._ended.is_set()

    def end(self, episode: str) -> None:
        """In real time the robot goes on listening between episodes."""

    def stop(self) -> None:
        """Come to rest, also while the driver is busy with something else: `Robot.stop` is allowed at any moment."""
        self._cut = True
        own = self._lock.acquire(timeout=LET_FINISH)
        try:
            self._node.robot.stop()
        finally:
            if own:
                self._lock.release()

    def command(self, stamp: int, action: NDArray[np.float64]) -> None:
        if self._resetting:
            return  # the robot drives itself
        with self._lock:
            age = self._clock.now() - stamp
            if age > self._timeout:
                self._refuse(age)
                return
            self._last_command, self._obeyed = self._clock.now(), True
            self._node.send(stamp, action)

    def _refuse(self, age: int) -> None:
        """Say that a command is too old [ns], unless it is of those that wait while the graph starts."""
        if self._obeyed or not starting(self._clock.now(), self._started):
            self._node.get_logger().warning(
                f"command refused: {age * 1e-6:.0f} ms old, at most {self._timeout * 1e-6:.0f} ms are allowed",
                throttle_duration_sec=1.0,
            )

    def _loop(self) -> None:
        deadline = self._clock.now()
        try:
            while not self._ended.is_set():
                deadline = max(deadline + self._period, self._clock.now() - self._period)
                self._clock.sleep_until(deadline)
                with self._lock:
                    self._tick()
        except (RobotError, RuntimeError, OSError) as error:
            if not self._ended.is_set():
                self._node.fault(str(error))

    def _tick(self) -> None:
        robot = self._node.robot
        if isinstance(robot, Simulated):
            robot.clock.sleep_until(robot.clock.now() + self._period)
            self._offset = self._clock.now() - robot.clock.now()
        self._node.publish_reading(robot.read(), self._offset)

    def _watch(self) -> None:
        """Stop the robot when commands cease, whatever its driver is doing."""
        while not self._ended.wait(self._timeout * 1e-9 / 4):
            last = self._last_command
            if self._resetting and self._unwanted:
                self._node.halt()  # once more: the driver may have begun to move just after it was stopped
            elif last is not None and self._clock.now() - last > self._timeout:
                self._last_command = None
                self._node.get_logger().warning(f"no command for {self._timeout * 1e-6:.0f} ms: stopped")
                self._node.halt()

    def close(self) -> None:
        """A reset under way is cut short."""
        self._ended.set()
        try:
            if self._resetting:
                self.stop()
        finally:
            for thread in self._threads:
                thread.join(timeout=2.0)
