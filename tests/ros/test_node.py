"""How a node ends: told to while it is made, or since its work failed; what is said then is what matters."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

BEGINNING = """
import os, signal, subprocess, sys, time
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # as every node's script does first
from robot_rl.ros.node import run

class Made:
    exit_code = None
    def close(self): print("closed", flush=True)
    def destroy_node(self): pass
"""


def made(factory: str) -> tuple[int, str, str]:
    """Run a node that this function makes, in a process group of its own: exit code, output, errors."""
    text = f"{BEGINNING}\n{textwrap.dedent(factory)}\nsys.exit(run(factory))\n"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False, process_group=0
    )
    return done.returncode, done.stdout, done.stderr


def test_a_helper_that_a_library_starts_meanwhile_is_not_interrupted():
    code, out, errors = made("""
        from rclpy.node import Node
        class Node(Made, Node):
            pass
        def factory():
            helper = subprocess.Popen([sys.executable, "-c", "print('up', flush=True); input(); print('found it')"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            helper.stdout.readline()
            os.killpg(0, signal.SIGINT)
            print(helper.communicate("go on\\n")[0], end="", flush=True)
            return Node("made")
    """)
    assert (code, out.splitlines(), errors) == (0, ["found it", "closed"], "")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_node_that_waits_while_it_is_made_gives_up_without_a_word(number: str):
    code, out, errors = made(f"""
        from robot_rl.ros.told import give_up_if_told
        def factory():
            give_up_if_told()
            os.kill(os.getpid(), signal.{number})
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                give_up_if_told()
                time.sleep(0.01)
            raise TimeoutError("it goes on waiting")
    """)
    assert (code, out, errors) == (0, "", "")


def test_a_node_that_takes_long_to_be_made_ends_at_sigterm():
    code, out, errors = made("""
        def factory():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(50)
    """)
    assert (code, out, errors) == (0, "", "")


def test_a_node_that_hangs_where_python_sees_no_signal_says_where_it_stands():
    code, _, errors = made("""
        import ctypes, threading
        def factory():
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            threading.Timer(0.6, os._exit, (3,)).start()
            hang()
        def hang():
            ctypes.CDLL(None).sleep(5)
    """)
    assert code == 3 and "in hang" in errors


def test_who_is_asked_where_it_stands_while_its_interpreter_is_taken_down_ends_as_it_was_going_to():
    code, _, _ = made("""
        from rclpy.node import Node
        class Node(Made, Node):
            exit_code = 0
        class Late:
            def __del__(self):
                import faulthandler
                faulthandler.unregister(signal.SIGUSR1)
                os.kill(os.getpid(), signal.SIGUSR1)
        def factory():
            sys.late = Late()
            return Node("made")
    """)
    assert code == 0


def test_what_fails_since_it_was_told_to_end_is_one_line():
    code, _, errors = made("""
        def factory():
            signal.raise_signal(signal.SIGINT)  # waits for this thread, which holds it back: no race with another
            raise ImportError("Failed to load GLFW3 shared library.")
    """)
    said = "ended while it was starting: ImportError: Failed to load GLFW3 shared library.\n"
    assert (code, errors) == (0, said)


@pytest.mark.parametrize(
    ("error", "said"),
    [("ConfigError('no recipe of that name')", "one line"), ("ValueError('a mistake in a node')", "a traceback")],
)
def test_work_in_a_thread_that_fails_ends_the_node_and_says_why(error: str, said: str):
    code, _, errors = made(f"""
        from robot_rl.hardware.config import ConfigError
        from robot_rl.ros.node import RobotNode
        class Worker(RobotNode):
            def work(self):
                raise {error}
        def factory():
            node = Worker("worker")
            node.in_thread(node.work, "work")
            return node
    """)
    assert code == 1 and error.split("'")[1] in errors
    assert (len(errors.splitlines()) == 1) == (said == "one line")
    assert ("Traceback" in errors) == (said == "a traceback")


def test_what_fails_by_itself_keeps_its_traceback():
    code, _, errors = made("""
        def factory():
            raise ImportError("Failed to load GLFW3 shared library.")
    """)
    assert code == 1 and "Traceback" in errors and "Failed to load GLFW3" in errors
