"""Finding and opening bags."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError


def find_bags(source: Path) -> list[Path]:
    """The bags at a path: an .mcap file, a bag's folder, or a folder of these, in the order of their names."""
    if source.suffix == ".mcap" or (source / "metadata.yaml").is_file():
        return [source]
    found = sorted(p for p in source.iterdir() if p.suffix == ".mcap" or (p / "metadata.yaml").is_file())
    if not found:
        raise DatasetError(f"{source} holds no bag: a folder with metadata.yaml or a .mcap file was expected")
    return found


@contextlib.contextmanager
def reading(bag: Path) -> Iterator[Any]:
    """A bag opened to read. Raises DatasetError when it is damaged."""
    from rosbags.highlevel import AnyReader
    from rosbags.highlevel.anyreader import AnyReaderError
    from rosbags.rosbag2 import ReaderError
    from rosbags.typesys import Stores, get_typestore

    try:
        reader = AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except (AnyReaderError, ReaderError, OSError) as error:
        raise DatasetError(f"{bag} cannot be read as a bag: {error}") from None
    try:
        yield reader
    finally:
        reader.close()


def messages(reader: Any, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """(topic, time in the bag [ns], message) of these topics, in the order of the bag."""
    wanted = [c for c in reader.connections if c.topic in topics]
    if wanted:  # the reader takes an empty list for all
        for connection, stamp, data in reader.messages(wanted):
            yield connection.topic, stamp, reader.deserialize(data, connection.msgtype)
