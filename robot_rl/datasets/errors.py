"""What goes wrong with a data set."""

from __future__ import annotations


class DatasetError(RuntimeError):
    """The data set cannot be written or read; the message names the file or field and the remedy."""


class KeptError(DatasetError):
    """An episode could not be put in place, but all of it is on disk; the message says where."""
