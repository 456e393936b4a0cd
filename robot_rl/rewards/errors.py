"""The error of this package."""

from __future__ import annotations


class RewardError(ValueError):
    """A reward cannot be learned or given; the message says what was wrong, what is allowed, and what to do."""
