"""What goes wrong with the files of a robot, a camera or an input device."""

from __future__ import annotations


class ConfigError(ValueError):
    """A configuration file does not hold; the message names the file, the key and the remedy."""
