"""Puts the terminal back as it was, should a process that reads the keyboard die before doing so."""

from __future__ import annotations

import os
import sys
import termios


class Terminal:
    """The settings of standard input's terminal at the time of making, if it is one."""

    def __init__(self) -> None:
        self._saved = termios.tcgetattr(0) if sys.__stdin__ is not None and os.isatty(0) else None

    def restore(self) -> None:
        """Set them again; nothing where standard input is no terminal, or the terminal has gone."""
        if self._saved is None:
            return
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
        except termios.error:
            self._saved = None
