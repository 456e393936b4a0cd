"""From a device's own clock to system time."""

from __future__ import annotations

from collections import deque


class ClockMap:
    """Maps stamps of a free-running device clock to system time.

    A frame taken at device time d arrives at system time a = d + offset + delay with a varying delay >= 0, so the
    smallest a - d of late frames is the best estimate of the offset (up to the least delay, which cannot be told
    from the offset). The window lets the estimate follow the drift of the two clocks: at 50 ppm and 30 Hz, 300
    frames drift by 0.5 ms.
    """

    def __init__(self, window: int = 300) -> None:
        """
        Args:
            window: how many frames the smallest delay is sought over.
        """
        self._differences: deque[int] = deque(maxlen=window)
        self._device: int | None = None
        self._mapped = -1

    def map(self, device: int, arrival: int) -> int:
        """System time [ns] at which the device's clock showed `device`.

        Args:
            device: stamp by the device's clock [ns]; one that goes back means that the device was restarted.
            arrival: system time when the frame came [ns].

        Returns:
            Later than the previous result, and never after `arrival` unless it must be for that.
        """
        if self._device is not None and device < self._device:
            self._differences.clear()
        self._device = device
        self._differences.append(arrival - device)
        self._mapped = max(device + min(self._differences), self._mapped + 1)
        return self._mapped


class SystemStamps:
    """Stamps that a device gives in system time already, believed until the clock has been set.

    A frame that was held up arrives late and is stamped rightly; a wall clock that is set while the graph runs makes
    every later stamp differ from the arrival by as much. So stamps are mapped by arrival once one lies in the future by
    more than `most`, or `many` in a row in the past.
    """

    def __init__(self, most: int = 250_000_000, many: int = 10) -> None:
        """
        Args:
            most: [ns]
        """
        self._most, self._many, self._odd = most, many, 0
        self._map = ClockMap()
        self._last = -1

    def stamp(self, device: int, arrival: int) -> tuple[int, bool]:
        """When the frame was taken [ns], later than the one before; and whether the device's own stamp was taken.

        Args:
            device: its stamp [ns]; `arrival`: system time when the frame came [ns].
        """
        if abs(arrival - device) <= self._most:
            self._map, self._odd = ClockMap(), 0
        else:
            self._odd = self._many if device > arrival else self._odd + 1
        mapped = self._map.map(device, arrival) if self._odd else device
        believed = self._odd < self._many
        self._last = max(device if believed else mapped, self._last + 1)
        return self._last, believed


def kernel_stamp(kernel: int, monotonic: int, now: int, longest: int = 1_000_000_000) -> int:
    """System time of a stamp that the kernel took by its monotonic clock; `now` if the stamp makes no sense.

    Drivers differ in which clock they stamp with, so a stamp in the future or over `longest` old is not believed.

    Args:
        kernel: the buffer's stamp [ns].
        monotonic, now: the monotonic clock and system time at this moment [ns].
        longest: greatest believable age [ns].
    """
    age = monotonic - kernel
    return now - age if 0 <= age <= longest else now
