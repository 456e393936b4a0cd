"""Nodes of a test's own process, which run while it waits for something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


class Spinner:
    """These nodes run while it is called."""

    def __init__(self, *nodes: Any) -> None:
        from rclpy.executors import SingleThreadedExecutor

        self.executor = SingleThreadedExecutor()
        for node in nodes:
            self.executor.add_node(node)

    def __call__(self, until: Callable[[], bool], timeout: float = 25.0) -> bool:
        """Until something holds, which is returned, or that time [s] is over."""
        deadline = time.monotonic() + timeout
        while not until() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)
        return until()


@pytest.fixture
def spinner() -> type[Spinner]:
    """`spin = spinner(node, ...)`; then `spin(lambda: bool(heard))`."""
    return Spinner
