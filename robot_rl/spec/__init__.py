"""What a robot senses and how it may be commanded: named fields with shape, unit, frame and bounds.

A policy, a data set and a robot fit together when their specs agree; `Spec.differences` says
which field differs when they do not. Conventions, everywhere in robot_rl:

- SI units; stamps are integer nanoseconds.
- A pose is (7,): x y z [m] then the quaternion x y z w (ROS order), scalar last.
- A twist is (6,): linear x y z [m/s] then angular x y z [rad/s].
- A wrench is (6,): force x y z [N] then torque x y z [N m].
"""

from robot_rl.spec.field import Field, SpecError
from robot_rl.spec.layout import Layout
from robot_rl.spec.spec import Spec, mismatch

__all__ = ["Field", "Layout", "Spec", "SpecError", "mismatch"]
