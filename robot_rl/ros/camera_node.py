"""The node that publishes cameras: frames as Image (and depth), intrinsics as CameraInfo, health on /diagnostics.

Cameras of a simulated robot are rendered here, in a process of their own, from the scene that the robot
node publishes; physical cameras each stream from their own thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from robot_rl.hardware.camera import CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras.latest import CameraEndedError
from robot_rl.hardware.config import CameraConfig
from robot_rl.ros import codecs, topics
from robot_rl.ros.node import RobotNode, run


class CameraPublisher:
    """The topics of one camera."""

    def __init__(self, node: RobotNode, camera: CameraConfig) -> None:
        self.camera, self._frame_id = camera, f"{camera.name}_optical"
        self._image = node.create_publisher(Image, topics.image(camera.name), topics.stream(30))
        self._info = node.create_publisher(CameraInfo, topics.camera_info(camera.name), topics.stream(30))
        self._message: Image | None = None
        self._depth_message: Image | None = None
        if camera.depth:
            self._depth = node.create_publisher(Image, topics.depth(camera.name), topics.stream(30))

    def publish(self, frame: Frame, intrinsics: Intrinsics, offset: int = 0) -> None:
        """Send one frame; the CameraInfo goes last, so that it says the frame is complete."""
        stamp = frame.stamp + offset
        self._message = codecs.encode_image(stamp, self._frame_id, frame.color, self._message)
        self._image.publish(self._message)
        if frame.depth is not None and self.camera.depth:
            self._depth_message = codecs.encode_image(stamp, self._frame_id, frame.depth, self._depth_message)
            self._depth.publish(self._depth_message)
        self._info.publish(codecs.encode_camera_info(stamp, self._frame_id, intrinsics))


class SceneCameras:
    """Renders the cameras of a simulated robot from its published scene.

    In lockstep an episode begins only once there is a picture of its start state, and no other state comes before: a
    picture of that state is due whatever the phase of the camera, whether the state or the event that names it is
    heard first.
    """

    def __init__(self, node: RobotNode, cameras: list[CameraConfig]) -> None:
        from robot_rl.sim.camera import scene_camera

        self._node = node
        self._in_scene = {camera.name: scene_camera(camera) for camera in cameras}
        self._publishers = [CameraPublisher(node, camera) for camera in cameras]
        self._due = dict.fromkeys((c.name for c in cameras), 0)
        self._tolerance = node.spec.period_ns // 2
        self._renderer: Any = None
        self._xml = ""
        self._waiting: JointState | None = None
        self._start = -1
        """Stamp of the state that an episode starts from [ns]."""
        self._passed: tuple[JointState, list[CameraPublisher]] | None = None
        """The newest state, and the cameras that were not due; None if all were."""
        if node.lockstep:
            node.on_event(topics.ROBOT_EVENT, self._on_robot)
        node.create_subscription(String, topics.SIM_MODEL, self._on_model, topics.latched(1))
        # A renderer slower than the robot shows the present state, not one from a queue; in lockstep the robot waits.
        queue = topics.stream() if node.lockstep else topics.stream(1)
        node.create_subscription(JointState, topics.SIM_STATE, self._on_state, queue)

    def _on_model(self, message: String) -> None:
        if message.data != self._xml:
            from robot_rl.sim.renderer import SceneRenderer

            self._xml = message.data
            self._renderer = SceneRenderer(message.data)
        if self._waiting is not None:
            self._on_state(self._waiting)

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self._start = event["stamp"]
            if self._passed is not None and codecs.stamp_of(self._passed[0]) == self._start:
                message, others = self._passed
                self._passed = None
                self._show(message, others)

    def _on_state(self, message: JointState) -> None:
        if self._renderer is None:
            self._waiting = message
            return
        self._waiting = None
        if len(message.position) != self._renderer.model.nq:
            self._waiting = message
            return
        stamp = codecs.stamp_of(message)
        due = [p for p in self._publishers if self._is_due(p.camera, stamp)]
        others = [p for p in self._publishers if p not in due]
        self._passed = (message, others) if others else None
        self._show(message, due)

    def _show(self, message: JointState, publishers: list[CameraPublisher]) -> None:
        """Render a state for these cameras, and publish it."""
        stamp, qpos = codecs.stamp_of(message), np.frombuffer(message.position, np.float64)
        for publisher in publishers:
            camera = publisher.camera
            self._due[camera.name] = self._next(self._due[camera.name], stamp, round(1e9 / camera.fps))
            publisher.publish(*self._render(camera, stamp, qpos))

    def _is_due(self, camera: CameraConfig, stamp: int) -> bool:
        """Whether a state is to be seen by this camera: the period is over, the clock was set back by far, an episode
        starts from it, or it was seen and is sent again because somebody missed it."""
        due, period = self._due[camera.name], round(1e9 / camera.fps)
        early = due - 10 * period < stamp < due - self._tolerance
        return not early or stamp in (self._start, due - period)

    def _next(self, due: int, stamp: int, period: int) -> int:
        """When the frame after this one is due [ns]. In real time the rate is kept on average, though the robot's
        states come at another; in lockstep the others reckon from the last frame."""
        on_beat = not self._node.lockstep and abs(stamp - due) < period
        return (due if on_beat else stamp) + period

    def _render(self, camera: CameraConfig, stamp: int, qpos: np.ndarray) -> tuple[Frame, Intrinsics]:
        name = self._in_scene[camera.name]
        size = (camera.width, camera.height)
        picture = self._renderer.render(qpos, name, *size, depth=camera.depth)
        color, depth = picture if camera.depth else (picture, None)
        return Frame(stamp, color, depth, clock="simulated"), self._renderer.intrinsics(name, *size)

    def status(self) -> list[dict[str, Any]]:
        return []

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()


class DeviceCameras:
    """Streams physical cameras, each from a thread of its own that reconnects when frames stop."""

    def __init__(self, node: RobotNode, cameras: list[CameraConfig]) -> None:
        from robot_rl.hardware.cameras.registry import make_camera
        from robot_rl.hardware.cameras.watch import WatchedCamera

        self._node, self._running = node, True
        self._cameras = [(CameraPublisher(node, c), WatchedCamera(partial(make_camera, c), c)) for c in cameras]
        for _, camera in self._cameras:
            camera.open()
        self._threads = [node.in_thread(partial(self._stream, *pair), pair[0].camera.name) for pair in self._cameras]

    def _stream(self, publisher: CameraPublisher, camera: Any) -> None:
        while self._running:
            try:
                frame = camera.read(timeout=1.0)
            except CameraEndedError as error:
                self._node.say(str(error))
                return
            except CameraError as error:
                self._node.get_logger().warning(f"camera '{publisher.camera.name}': {error}", throttle_duration_sec=2.0)
                continue
            publisher.publish(frame, camera.intrinsics)

    def status(self) -> list[dict[str, Any]]:
        return [{"name": p.camera.name, **c.status()} for p, c in self._cameras]

    def close(self) -> None:
        self._running = False
        for thread in self._threads:
            thread.join(timeout=2.0)
        for _, camera in self._cameras:
            camera.close()


class CameraNode(RobotNode):
    """One node for all cameras asked for (parameter `cameras`: comma-separated names, or `all`)."""

    def __init__(self) -> None:
        super().__init__("cameras")
        cameras = list(self.cameras_param().values())
        rendered = [c for c in cameras if c.driver == "mujoco"]
        devices = [c for c in cameras if c.driver != "mujoco"]
        self._sources: list[SceneCameras | DeviceCameras] = []
        if rendered:
            self._sources.append(SceneCameras(self, rendered))
        if devices:
            self._sources.append(DeviceCameras(self, devices))
            self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
            self.create_timer(1.0, self._report)

    def _report(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        for source in self._sources:
            for status in source.status():
                ok = status.get("state", "ok") == "ok"
                message.status.append(
                    DiagnosticStatus(
                        level=DiagnosticStatus.OK if ok else DiagnosticStatus.WARN,
                        name=f"camera: {status['name']}",
                        message=str(status.get("state", "ok")),
                        values=[KeyValue(key=str(k), value=str(v)) for k, v in status.items()],
                    )
                )
        self._diagnostics.publish(message)

    def close(self) -> None:
        for source in getattr(self, "_sources", []):
            source.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(CameraNode, argv)
