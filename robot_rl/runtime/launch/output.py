"""The output of all launched processes, line by line, each prefixed with the process's name."""

from __future__ import annotations

import os
import selectors
import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO, TextIO

from robot_rl.runtime.launch.child import Child

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92)
"""ANSI foreground colours, one a process in turn; red is left for the launcher's own warnings."""
_TAIL = 20
"""Lines of each process kept to show when it fails."""


class _Source:
    def __init__(self, child: Child, colour: int | None, log: BinaryIO | None) -> None:
        self.child = child
        self.prefix = f"[{child.name}] " if colour is None else f"\033[{colour}m[{child.name}]\033[0m "
        self.log = log
        self.pending = b""
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self.ended = threading.Event()


class Output:
    """Reads every process's pipe in one thread, so that no process ever waits for its output to be read."""

    def __init__(self, stream: TextIO, *, quiet: bool, log_dir: Path | None) -> None:
        self._stream = stream
        self._quiet = quiet
        self._log_dir = log_dir
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ
        self._sources: dict[str, _Source] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="launch output", daemon=True)

    def start(self) -> None:
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread.start()

    def add(self, child: Child) -> None:
        """Follow a process's output from now on."""
        colour = _COLOURS[len(self._sources) % len(_COLOURS)] if self._colour else None
        log = (self._log_dir / f"{child.name}.log").open("ab") if self._log_dir else None
        source = self._sources[child.name] = _Source(child, colour, log)
        os.set_blocking(child.output, False)
        self._selector.register(child.output, selectors.EVENT_READ, source)

    def last_words(self, name: str, timeout: float = 0.5) -> list[str]:
        """The last lines of a process that has ended, once they are all read and shown."""
        self._sources[name].ended.wait(timeout)
        return list(self._sources[name].tail)

    def say(self, text: str) -> None:
        """A line of the launcher's own, unless quiet."""
        if not self._quiet:
            self._write(f"[launch] {text}")

    def warn(self, text: str) -> None:
        """A line of the launcher's own that is shown even when quiet."""
        self._write(f"\033[31m[launch]\033[0m {text}" if self._colour else f"[launch] {text}")

    def finish(self, timeout: float = 1.0) -> None:
        """Write what is left, then stop reading."""
        os.write(self._wake_write, b"x")
        self._thread.join(timeout)
        if self._thread.is_alive():  # the terminal takes no output; let it be
            return
        for source in self._sources.values():
            if source.log:
                source.log.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _write(self, line: str) -> None:
        with self._lock:
            try:
                print(line, file=self._stream, flush=True)
            except (BrokenPipeError, ValueError):  # the reader of our output has gone; the processes go on
                self._quiet = True

    def _run(self) -> None:
        finishing = False
        while True:
            ready = self._selector.select(timeout=0 if finishing else None)
            for key, _ in ready:
                if key.data is None:
                    finishing = True
                    self._selector.unregister(key.fileobj)
                elif not self._read(key.data):
                    self._selector.unregister(key.fileobj)
                    key.data.ended.set()
            if finishing and not ready:
                return

    def _read(self, source: _Source) -> bool:
        """Take what a process has written; False at the end of its output."""
        try:
            data = os.read(source.child.output, 65536)
        except BlockingIOError:
            return True
        if source.log:
            source.log.write(data)
            source.log.flush()
        *lines, source.pending = (source.pending + data).split(b"\n")
        if not data and source.pending:
            lines, source.pending = [source.pending], b""
        for line in lines:
            self._show(source, line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace"))
        return bool(data)

    def _show(self, source: _Source, line: str) -> None:
        source.tail.append(line)
        if not self._quiet and source.child.process.screen:
            self._write(source.prefix + line)
