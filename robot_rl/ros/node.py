"""What every node shares: parameters, the event loop, and an exit that leaves nothing behind."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_rl.extras import for_the_user
from robot_rl.hardware.config import CameraConfig, ConfigError, RobotConfig, load
from robot_rl.hardware.human import HumanInput
from robot_rl.ros import topics, wire
from robot_rl.ros.sole import SoleName
from robot_rl.ros.told import ToldToEndError, listen, undisturbed
from robot_rl.spec import SpecError

T = TypeVar("T")


class Endable(Protocol):
    """A node that can end its process."""

    exit_code: int | None

    def close(self) -> None: ...
    def destroy_node(self) -> None: ...


class RobotNode(Node):  # type: ignore[misc]
    """A node that knows its robot: parameters `robot`, `control_mode` and `lockstep`. The only one of its name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        full, domain = self.get_fully_qualified_name(), self.context.get_domain_id()
        self._sole = SoleName(full, domain, self.get_logger().warning)
        self.exit_code: int | None = None
        """Set to end the process."""
        robot = self.param("robot", "sim_lift")
        if not robot:
            raise ConfigError("parameter 'robot' is empty: say which with robot:=, a folder of hardware/")
        self.config: RobotConfig = load(robot, self.param("control_mode", "") or None)
        self.spec = self.config.spec
        self.lockstep: bool = self.param("lockstep", False)
        """Simulated time, as fast as every node can follow: each step waits for those that take part in it."""
        self._event_publishers: dict[str, Any] = {}

    def param(self, name: str, default: T) -> T:
        """Declare a parameter and return its value, in the type of its default."""
        value: Any = self.declare_parameter(name, default).value
        return type(default)(value)  # type: ignore[call-arg]

    def list_param(self, name: str, default: str = "") -> list[str]:
        """A comma-separated parameter."""
        return [part.strip() for part in self.param(name, default).split(",") if part.strip()]

    def cameras_param(self, default: str = "all") -> dict[str, CameraConfig]:
        """The robot's cameras that parameter `cameras` names."""
        return self.config.select_cameras(self.param("cameras", default))

    def publish_event(self, topic: str, **event: Any) -> None:
        """Publish a JSON event that late joiners get too; `sent` says when [ns, Unix time]."""
        if topic not in self._event_publishers:
            self._event_publishers[topic] = self.create_publisher(String, topic, topics.latched())
        self._event_publishers[topic].publish(String(data=json.dumps({**event, "sent": time.time_ns()})))

    def on_event(self, topic: str, callback: Callable[[dict[str, Any]], None]) -> None:
        """Subscribe to JSON events; what is not one is refused and said."""

        def read(message: String) -> None:
            try:
                event = json.loads(message.data)
            except json.JSONDecodeError:
                event = None
            if not isinstance(event, dict) or "event" not in event:
                self.get_logger().error(f"{topic}: not an event: {message.data[:80]!r}")
                return
            callback(event)

        self.create_subscription(String, topic, read, topics.latched())

    def on_human(self, callback: Callable[[HumanInput], None]) -> None:
        """Subscribe to what a person's device says; what cannot be read is refused and said, and counts as silence."""

        def read(message: JointState) -> None:
            try:
                human = wire.read_human(self.spec.action, message)
            except SpecError as error:
                self.get_logger().error(f"{topics.HUMAN_ACTION} refused: {error}", throttle_duration_sec=2.0)
                return
            callback(human)

        self.create_subscription(JointState, topics.HUMAN_ACTION, read, topics.stream())

    def in_thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Do work in a thread of its own. Should it fail, the node says why, in one line where it was written for the
        user, and ends: a robot is better off without it than half."""

        def guarded() -> None:
            ended = False
            try:
                work()
                ended = True
            except Exception as error:  # said before the node ends: the process does not wait for this thread
                self.get_logger().fatal(str(error) if for_the_user(error) else traceback.format_exc())
                raise SystemExit from error  # of the thread, without a word
            finally:
                if not ended:
                    self.exit_code = 1

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def say(self, text: str) -> None:
        """One line for the operator."""
        self.get_logger().info(text)

    def close(self) -> None:
        """Release what the node holds; called once, on every way out."""

    def destroy_node(self) -> None:
        super().destroy_node()
        self._sole.release()


def _executor() -> Any:
    """The events executor where there is one (a quarter of the CPU), else the single-threaded one."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor()
    return EventsExecutor()


def run(factory: Callable[[], Endable], argv: Sequence[str] | None = None) -> int:
    """Start a node, spin it until it ends or is told to, and clean up. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    told = listen()
    rclpy.init(args=list(sys.argv if argv is None else argv), signal_handler_options=SignalHandlerOptions.NO)
    node: Endable | None = None
    try:
        with undisturbed():
            node = factory()
        executor = _executor()
        executor.add_node(node)
        while rclpy.ok() and node.exit_code is None and not told:
            executor.spin_once(timeout_sec=0.1)
    except (ExternalShutdownException, ToldToEndError):
        pass
    except Exception as error:
        if for_the_user(error):
            print(error, file=sys.stderr, flush=True)
            return 1
        if node is not None or not told:
            raise
        print(f"ended while it was starting: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
    return (node.exit_code or 0) if node else 0
