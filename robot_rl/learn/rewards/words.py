"""Whose word it is how a recorded episode ended."""

from __future__ import annotations

from typing import Literal

from robot_rl.datasets.episode import Episode

Word = Literal["person", "classifier", "task", "nobody"]


def word_of(episode: Episode) -> Word:
    """Whose word reward and success are; what was said last counts.

    A person's are a label given by hand, a button that marked the episode while it ran, and every state of one that
    nothing but keys judged. What else was recorded with a classifier as the judge is the classifier's. An episode
    whose label was taken away is nobody's, and so is one that was cut off with nobody to judge it.
    """
    attributes = episode.attributes
    if attributes.get("marked") is False and episode.success is None:
        return "nobody"
    label, judge = attributes.get("reward_label"), attributes.get("judge")
    if attributes.get("marked") or (label is not None and label.get("by") == "human"):
        return "person"
    if label is not None or judge == "classifier":
        return "classifier"
    if judge == "keys":
        return "person"
    return "task" if attributes.get("judged", True) else "nobody"
