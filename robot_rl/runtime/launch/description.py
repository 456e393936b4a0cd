"""What a launch description says once its arguments are known: which processes to run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class LaunchError(ValueError):
    """A launch description, an argument or an executable does not hold; the message names the file and line."""


@dataclass(frozen=True)
class Argument:
    """One `arg` of a launch description."""

    name: str
    default: str | None
    """As written in the file, substitutions unresolved; None where a value must be given."""
    description: str
    choices: tuple[str, ...]
    """Empty where any text is allowed."""

    def help(self) -> str:
        """Three lines at the most: name, description, choices and default."""
        lines = [f"  {self.name}:=", f"      {self.description or 'no description given'}"]
        if self.choices:
            lines.append(f"      one of: {', '.join(self.choices)}")
        lines.append("      (required)" if self.default is None else f"      (default: '{self.default}')")
        return "\n".join(lines)


@dataclass(frozen=True)
class Process:
    """One process to start."""

    name: str
    """Unique within the description; prefixes the process's output."""
    command: tuple[str, ...]
    package: str | None = None
    """The ROS package of a node; None for any other program."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set in addition to the launcher's own environment."""
    cwd: Path | None = None
    required: bool = False
    """`on_exit: shutdown`: when this process ends, all end."""
    screen: bool = True
    """Show its output; a process with `output: log` is seen in the log folder only."""

    @property
    def terminal(self) -> bool:
        """Whether it reads the keyboard, and so must stay in the terminal's foreground process group."""
        return self.environment.get("ROBOT_RL_TERMINAL") == "true"
