"""A device file that is read without blocking, notices when it is unplugged and opens again when it is back."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.permissions import permission_remedy

log = logging.getLogger(__name__)

_MAX_READS = 256
"""Most reads in one poll: a device that floods cannot hold up the caller."""


class Port:
    """Read side of a character device (or of a FIFO or pseudo-terminal that stands in for one)."""

    def __init__(self, locate: Callable[[], str | None], *, retry: float = 0.5) -> None:
        """
        Args:
            locate: gives the path to open, asked again at each attempt since a device that was plugged in
                again may get another one; None when there is no such device.
            retry: how long to wait between attempts to open again [s].
        """
        self._locate = locate
        self._retry = retry
        self._fd: int | None = None
        self._next_attempt = 0.0

    @property
    def connected(self) -> bool:
        return self._fd is not None

    def open(self) -> None:
        """Open the device. Raises DeviceError if it is not there or may not be read."""
        self.close()
        path = self._locate()
        if path is None:
            raise DeviceError("no such device is connected.")
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise DeviceError(f"{path} may not be read.{permission_remedy(path)}") from None
        except OSError as error:
            raise DeviceError(f"{path} cannot be opened: {error.strerror}.") from None

    def read(self) -> list[bytes] | None:
        """What arrived since the last call, one entry a read (a hidraw device gives one report a read).

        Returns:
            None while the device is unplugged. Bytes that came just before the unplugging are dropped: the
            state they describe no longer holds.
        """
        fd = self._fd if self._fd is not None else self._reopen()
        if fd is None:
            return None
        chunks = []
        for _ in range(_MAX_READS):
            try:
                chunk = os.read(fd, 4096)
            except BlockingIOError:
                break
            except OSError as error:
                log.warning("input device lost: %s", error.strerror)
                self.close()
                return None
            if not chunk:
                log.warning("input device lost: end of file")
                self.close()
                return None
            chunks.append(chunk)
        return chunks

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._next_attempt = time.monotonic() + self._retry

    def _reopen(self) -> int | None:
        if time.monotonic() < self._next_attempt:
            return None
        self._next_attempt = time.monotonic() + self._retry
        try:
            self.open()
        except DeviceError as error:
            log.debug("input device not back: %s", error)
            return None
        log.info("input device connected")
        return self._fd
