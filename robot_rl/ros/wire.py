"""The labelled vectors of the graph: human actions, decisions, outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import JointState

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.human import BUTTONS, HumanInput
from robot_rl.hardware.robot import Outcome
from robot_rl.ros import codecs
from robot_rl.runtime.arbiter import Decision
from robot_rl.spec import Layout, SpecError

OUTCOME_LABELS = ("reward", "success", "terminated")
_HUMAN_EXTRA = ("engaged", "rewind", "buttons")
_DECISION_EXTRA = ("source", "phase", "safety", "interrupted", "answered")
"""`answered` is how old the observation was that the policy answered [ns]; NaN where it did not act."""


def buttons_to_mask(buttons: frozenset[str]) -> int:
    """Canonical buttons as bits, in the order of BUTTONS."""
    return sum(1 << i for i, name in enumerate(BUTTONS) if name in buttons)


def mask_to_buttons(mask: int) -> frozenset[str]:
    return frozenset(name for i, name in enumerate(BUTTONS) if mask >> i & 1)


def outcome_message(stamp: int, outcome: Outcome) -> JointState:
    values = (outcome.reward, float(outcome.success), float(outcome.terminated))
    return codecs.labelled(stamp, OUTCOME_LABELS, values)


def read_outcome(message: JointState) -> Outcome:
    """Raises SpecError when it is none, or not of finite numbers."""
    reward, success, terminated = codecs.unlabelled(message, OUTCOME_LABELS)
    if not np.isfinite((reward, success, terminated)).all():
        raise SpecError(f"an outcome says reward {reward}, success {success}, terminated {terminated}")
    return Outcome(float(reward), bool(success), bool(terminated))


def human_message(action: Layout, human: HumanInput) -> JointState:
    extra = (float(human.engaged), float(human.rewind), float(buttons_to_mask(human.pressed)))
    return codecs.labelled(human.stamp, action.labels + _HUMAN_EXTRA, np.concatenate([human.action, extra]))


def read_human(action: Layout, message: JointState) -> HumanInput:
    """Raises SpecError when it is of another action space, or what is pressed is not a number."""
    values = codecs.unlabelled(message, action.labels + _HUMAN_EXTRA)
    engaged, rewind, mask = values[action.size :]
    if not np.isfinite((engaged, rewind, mask)).all():
        raise SpecError(f"a person's input says engaged {engaged}, rewind {rewind}, pressed {mask}")
    return HumanInput(
        stamp=codecs.stamp_of(message),
        action=values[: action.size],
        engaged=bool(engaged),
        rewind=bool(rewind),
        pressed=mask_to_buttons(int(mask)),
    )


def decision_labels(action: Layout) -> Sequence[str]:
    return _DECISION_EXTRA + tuple(f"{part}/{lab}" for part in ("action", "proposed", "human") for lab in action.labels)


def decision_message(action: Layout, decision: Decision) -> JointState:
    age = float(decision.stamp - decision.answered) if decision.answered >= 0 else np.nan
    head = (float(decision.source), float(decision.phase), float(decision.safety), float(decision.interrupted), age)
    values = np.concatenate([head, decision.action, decision.proposed, decision.human])
    return codecs.labelled(decision.stamp, decision_labels(action), values)


def read_decision(action: Layout, message: JointState) -> Decision:
    values = codecs.unlabelled(message, decision_labels(action))
    n = len(_DECISION_EXTRA)
    a, p, h = values[n:].reshape(3, action.size)
    stamp, age = codecs.stamp_of(message), values[4]
    return Decision(
        stamp=stamp,
        action=a,
        source=Source(int(values[0])),
        phase=Phase(int(values[1])),
        safety=Safety(int(values[2])),
        proposed=p,
        human=h,
        interrupted=bool(values[3]),
        answered=stamp - int(age) if np.isfinite(age) else -1,
    )
