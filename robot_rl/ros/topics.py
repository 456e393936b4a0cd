"""Every topic of the node graph and its quality of service, in one place.

Names are relative, so a namespace puts several robots side by side.

| topic | type | from -> to |
|---|---|---|
| joint_states, state/<field> | JointState, PoseStamped, TwistStamped, WrenchStamped | robot -> all |
| executed | JointState (labelled) | robot -> recorder, teleop, agent |
| task/outcome | JointState (labelled) | simulated robot -> episode manager, recorder, agent |
| task/classified | JointState (labelled) | judge -> episode manager: what a reward classifier says of each state |
| task/verdict | JointState (labelled) | episode manager -> recorder, agent: what keys or classifier say of each state |
| robot/event | String (JSON) | robot -> episode manager |
| sim/model, sim/state | String (MJCF), JointState | simulated robot -> simulated cameras |
| camera/<name>/image_raw, depth, camera_info | Image, Image, CameraInfo | cameras -> recorder, policy |
| joy | Joy | device or operator -> teleop |
| human/action | JointState (labelled) | teleop -> arbiter, episode manager |
| policy/action | JointState (labelled) | policy -> arbiter |
| command | JointState (labelled) | arbiter -> robot |
| arbiter/stopped | Bool | arbiter -> robot: the emergency stop is latched |
| arbiter/decision | JointState (labelled) | arbiter -> recorder, episode manager, policy |
| episode/event | String (JSON) | episode manager -> all |
| recorder/event | String (JSON) | recorder -> episode manager, agent |
| agent/event | String (JSON) | agent of a session -> episode manager: what the next episode is for |
| /diagnostics | DiagnosticArray | arbiter, cameras, recorder |

A *labelled* vector is a JointState whose `name` holds the labels and `position` the float64 values:
one atomic, stamped, self-describing message. Commands travel that way, never in parts. A `policy/action`
without labels says that the policy has no action for that reading: the robot is to hold still.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

JOINT_STATES = "joint_states"
EXECUTED = "executed"
OUTCOME = "task/outcome"
CLASSIFIED = "task/classified"
VERDICT = "task/verdict"
ROBOT_EVENT = "robot/event"
SIM_MODEL = "sim/model"
SIM_STATE = "sim/state"
JOY = "joy"
HUMAN_ACTION = "human/action"
POLICY_ACTION = "policy/action"
COMMAND = "command"
DECISION = "arbiter/decision"
STOPPED = "arbiter/stopped"
EPISODE_EVENT = "episode/event"
RECORDER_EVENT = "recorder/event"
AGENT_EVENT = "agent/event"
DIAGNOSTICS = "/diagnostics"


def state(field: str) -> str:
    """Topic of one observation field."""
    return f"state/{field}"


def image(camera: str) -> str:
    return f"camera/{camera}/image_raw"


def depth(camera: str) -> str:
    return f"camera/{camera}/depth"


def camera_info(camera: str) -> str:
    return f"camera/{camera}/camera_info"


def stream(depth: int = 100) -> QoSProfile:
    """Reliable and queued: nothing that is recorded or acted on may be lost without a word."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def kept(depth: int = 200) -> QoSProfile:
    """As `stream`, and the newest are handed to a subscriber that is matched late: steps must not be lost while
    DDS is still introducing the nodes to each other."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def latched(depth: int = 20) -> QoSProfile:
    """Reliable, and handed to those who join late."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
