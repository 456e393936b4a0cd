import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot_rl.learn.workers import shared

PARENT = """
import multiprocessing, threading, time
from robot_rl.learn.workers import shared
def tell():
    time.sleep(1.5)
    print(*(p.pid for p in multiprocessing.active_children()), flush=True)
threading.Thread(target=tell, daemon=True).start()
list(shared(time.sleep, [60.0, 60.0]))
"""


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_shares_come_back_in_their_order():
    assert list(shared(abs, [-1, 2, -3])) == [1, 2, 3]


def test_signals_to_the_whole_group_are_left_to_the_one_that_asked():
    assert list(shared(signal.raise_signal, [signal.SIGTERM, signal.SIGINT])) == [None, None]


def test_workers_end_when_nobody_asks_any_more():
    results = shared(time.sleep, [0.0, 60.0])
    next(results)
    begun = time.monotonic()
    results.close()
    assert time.monotonic() - begun < 10


def test_what_a_worker_raises_is_raised_and_the_others_end():
    begun = time.monotonic()
    with pytest.raises(TypeError):
        list(shared(time.sleep, ["a", 60.0]))
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_process_that_asked(number):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        pids = [int(p) for p in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(map(running, pids))
        parent.send_signal(number)
    assert parent.returncode == -number
    deadline = time.monotonic() + 20
    while any(map(running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
