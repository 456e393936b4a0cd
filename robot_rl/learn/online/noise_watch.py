"""A temperature that climbs forces more noise on a policy than its task bears; that is said while it can be mended."""

from __future__ import annotations

from collections.abc import Mapping

FACTOR = 5.0
"""How far the temperature must have grown from its least to be worth a word."""


class NoiseWatch:
    """Looks at the figures of updates; has something to say once."""

    def __init__(self) -> None:
        self._least = float("inf")
        self._said = False

    def look(self, figures: Mapping[str, float]) -> str:
        """What is to be said after an update with these figures, or nothing."""
        alpha, entropy = figures.get("alpha"), figures.get("entropy")
        if alpha is None or entropy is None or self._said:
            return ""
        self._least = min(self._least, alpha)
        if alpha < FACTOR * self._least:
            return ""
        self._said = True
        return (
            f"the entropy temperature has grown from {self._least:.3g} to {alpha:.3g}: the policy (entropy "
            f"{entropy:.1f}) is more certain than sac.target_entropy wants, and is made to explore more. If success "
            f"falls from here on, set target_entropy below {entropy:.0f} (docs/finetune.md, 'Noise')"
        )
