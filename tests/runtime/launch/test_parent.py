from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot_rl.runtime.launch import Launch, guard
from robot_rl.runtime.launch.parent import VARIABLE

NODE = "import time; from robot_rl.runtime.launch.parent import end_with_parent as e; e(); print('up', flush=True); "
# a launcher that starts a node, says which, and waits
LAUNCHER = f"""
import subprocess, sys, time
node = subprocess.Popen([sys.executable, "-c", {NODE + "time.sleep(30)"!r}], stdout=subprocess.PIPE)
node.stdout.readline()
print(node.pid, flush=True)
time.sleep(30)
"""


@pytest.mark.parametrize(("value", "ends"), [("true", True), ("", False)])
def test_a_node_ends_with_a_killed_launcher_if_asked_to(value: str, ends: bool):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True, env={**os.environ, VARIABLE: value}
    )
    assert launcher.stdout is not None
    node = int(launcher.stdout.readline())
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    try:
        deadline = time.monotonic() + (10.0 if ends else 0.5)
        while guard.alive(node) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert guard.alive(node) is not ends
    finally:
        guard.end({node})


def test_our_own_launcher_leaves_this_to_its_guard(tmp_path: Path):
    path = tmp_path / "x.launch.yaml"
    path.write_text(
        f'launch:\n  - set_env: {{name: {VARIABLE}, value: "true"}}\n'
        f"  - executable: {{cmd: python3 -c \"import os; raise SystemExit('{VARIABLE}' in os.environ)\"}}\n"
    )
    with Launch(path, quiet=True) as nodes:
        assert nodes.wait(timeout=10) == 0
