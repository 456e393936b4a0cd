"""What each step of an episode was, in a word."""

from __future__ import annotations

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Phase, Source

KINDS = ("demonstration", "autonomous", "recovery", "correction", "reset", "nobody")
"""What a step can be in a timeline: its phase, or `nobody` where the robot held still."""
KIND_NAMES = {
    "demonstration": "demonstration",
    "autonomous": "policy",
    "recovery": "recovery (rewinding)",
    "correction": "correction by the operator",
    "reset": "reset",
    "nobody": "held still",
}
"""As a reader knows them."""


def step_kinds(episode: Episode) -> tuple[str, ...]:
    """What each step of an episode was, as one of KINDS."""
    names = {int(p): p.name.lower() for p in Phase}
    phases, sources = episode.steps["phase"], episode.steps["source"]
    return tuple("nobody" if s == Source.NONE else names[int(p)] for p, s in zip(phases, sources, strict=True))
