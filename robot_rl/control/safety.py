"""What the safety envelope did to a command, as flags that are recorded with every step."""

from enum import IntFlag


class Safety(IntFlag):
    """0 when the command passed unchanged."""

    BOUND = 1
    """Outside the action field's low or high."""
    RATE = 2
    """Too fast a change: acceleration of a velocity command, speed of a position command."""
    WORKSPACE = 4
    """Would leave the workspace box."""
    NOT_FINITE = 8
    """NaN or infinite numbers: the whole command was refused."""
    STALE_COMMAND = 16
    STALE_OBSERVATION = 32
    DEADMAN = 64
    """A human command without the deadman held, or a policy's while the person who stands by is not heard."""
    ESTOP = 128
    """The emergency stop is latched."""
    JERK = 256
    JOINT = 512
    """A joint near its limit would be driven further into it."""
    FORCE = 1024
    """A contact force is beyond its limit, and the command would push further; or it is not known."""
    RETREAT = 2048
    """Pressed too hard for too long: the robot backs off instead of obeying."""
