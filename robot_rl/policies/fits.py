"""Whether a policy fits a robot. No torch: the policy may compute elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Layout, Spec


class Fitted(Protocol):
    """What a policy says of its needs."""

    @property
    def spec(self) -> Spec:
        """What it was trained on."""
        ...

    @property
    def inputs(self) -> Layout:
        """The fields and pictures it looks at."""
        ...


def check_fits(policy: Fitted, spec: Spec, cameras: Mapping[str, CameraConfig] | None = None) -> list[str]:
    """One line for each way in which a robot does not fit what the policy was trained on; empty when it fits.

    Compares rate, control mode, action, and the observation fields that the policy looks at. With `cameras`,
    also the size of each picture it needs. The policy's side is named first.
    """
    out = policy.spec.only(policy.inputs).differences(spec.only(policy.inputs))
    for f in policy.inputs.images:
        if cameras is None or f.name in spec.observation:
            continue
        camera = cameras.get(f.name)
        if camera is None:
            out.append(f"camera '{f.name}': the policy needs it; the robot has {', '.join(cameras) or 'none'}")
        elif (camera.height, camera.width) != f.shape[:2]:
            out.append(f"camera '{f.name}': height, width {f.shape[:2]} against {(camera.height, camera.width)}")
    return out
