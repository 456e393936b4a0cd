"""What goes wrong with a data set."""

from __future__ import annotations


class DatasetError(RuntimeError):
    """The data set cannot be written or read; the message names the file or field and the remedy."""
