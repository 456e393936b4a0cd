from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robot_rl import extras
from robot_rl.runtime.launch import Launch, LaunchError, child, guard, supervisor

CHILDREN = {
    # ends cleanly when told to, and says so
    "polite": """
        def told(number, frame):
            open(os.environ["TOLD"], "w").write(signal.Signals(number).name)
            print("told", signal.Signals(number).name, flush=True)
            raise SystemExit(0)
        signal.signal(signal.SIGINT, told)
        signal.signal(signal.SIGTERM, told)
        ready()
        while True: time.sleep(0.05)
    """,
    "deaf_to_sigint": """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ready()
        while True: time.sleep(0.05)
    """,
    "stuck": """
        import faulthandler
        faulthandler.register(signal.SIGUSR1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def in_the_middle_of_it():
            ready()
            while True: time.sleep(0.05)
        in_the_middle_of_it()
    """,
    "deaf": """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ready()
        while True: time.sleep(0.05)
    """,
    # brings the robot to rest when told to, which takes longer than others are given
    "robot_node": """
        told_to_end = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told_to_end.set())
        ready()
        while not told_to_end.is_set(): time.sleep(0.05)
        time.sleep(2.5)
        print("landed", flush=True)
    """,
    # ends at once when told to, and leaves a child of its own behind
    "parent": """
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        ready()
        time.sleep(60)
    """,
    "crash": """
        print("about to fail", flush=True)
        raise ValueError("the arm is unplugged")
    """,
    "done": "time.sleep(0.2)",
    "talk": """
        sys.stdout.write("first\\nlast without newline"); sys.stdout.flush()
    """,
    "flood": """
        for i in range(20000): print("line", i)
        print("end of flood", flush=True)
    """,
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A launch file that starts some of CHILDREN; those after `required` end the launch when they end."""

    def write(*names: str, required: tuple[str, ...] = ()) -> Path:
        lines = ["launch:"]
        for name in (*names, *required):
            body = "\n".join(line.removeprefix("        ") for line in CHILDREN[name].splitlines())
            script = tmp_path / f"{name}.py"
            script.write_text(
                "import os, signal, subprocess, sys, threading, time\n"
                f"def ready(): open({str(tmp_path / name)!r} + '.ready', 'w').close()\n{body}\n"
            )
            lines.append(f"  - executable: {{cmd: python3 {script}, name: {name}, output: screen")
            lines[-1] += ", on_exit: shutdown}" if name in required else "}"
        path = tmp_path / "x.launch.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def await_ready(tmp_path: Path, *names: str) -> None:
    wait_until(lambda: all((tmp_path / f"{n}.ready").exists() for n in names), "the children are not up")


def wait_until(condition: Callable[[], bool], otherwise: str, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setattr(guard, "ESCALATION", ((signal.SIGINT, 0.6), (signal.SIGTERM, 0.6), (signal.SIGKILL, 2.0)))


def test_shutdown_sends_sigint_and_a_clean_end_is_code_0(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    with Launch(make("polite"), stream=out) as nodes:
        await_ready(tmp_path, "polite")
        assert nodes.poll() is None
        group = nodes.pids["polite"]
        assert os.getpgid(group) == group
    assert nodes.poll() == 0
    assert "[polite] told SIGINT" in out.getvalue()
    assert not guard.alive(-group)


def test_a_node_says_where_it_stands_before_it_is_killed(
    make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = io.StringIO()
    nodes = Launch(make("stuck"), stream=out)
    monkeypatch.setattr(child, "PACKAGE", nodes.processes[0].package)
    nodes.start()
    await_ready(tmp_path, "stuck")
    nodes.shutdown()
    assert "in in_the_middle_of_it" in out.getvalue()


def test_a_process_deaf_to_sigint_gets_sigterm(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    nodes = Launch(make("deaf_to_sigint", "polite"), stream=out)
    nodes.start()
    await_ready(tmp_path, "deaf_to_sigint", "polite")
    assert nodes.shutdown() == 0
    assert "sending SIGTERM to deaf_to_sigint: still running" in out.getvalue()
    assert "SIGKILL" not in out.getvalue()
    assert not any(guard.alive(p) for p in nodes.pids.values())


def test_a_process_deaf_to_both_is_killed_and_that_is_a_failure(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    nodes = Launch(make("deaf"), stream=out)
    nodes.start()
    await_ready(tmp_path, "deaf")
    assert nodes.shutdown() == 1
    assert "sending SIGKILL to deaf" in out.getvalue() and "deaf was ended by signal 9" in out.getvalue()
    assert not guard.alive(nodes.pids["deaf"])


@pytest.mark.parametrize("given", [20.0, 0.0])
def test_the_robots_node_has_time_to_land_whoever_is_impatient_and_the_others_do_not_wait_for_it(
    make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: float
):
    monkeypatch.setattr(supervisor, "LANDING", given)
    out = io.StringIO()
    nodes = Launch(make("deaf", "robot_node"), stream=out)
    nodes.start()
    await_ready(tmp_path, "deaf", "robot_node")
    impatience = threading.Timer(0.1, nodes.hurry), threading.Timer(0.3, nodes.hurry)
    for pressed in impatience:
        pressed.start()
    assert nodes.shutdown() == 1, "the other had to be killed"
    said = out.getvalue()
    assert "sending SIGKILL to deaf" in said
    assert ("[robot_node] landed" in said) is (given > 0.0)
    assert ("sending SIGKILL to robot_node" in said) is (given == 0.0)
    assert not any(guard.alive(p) for p in nodes.pids.values())


def test_what_a_process_leaves_behind_is_ended_too(make: Callable[..., Path], tmp_path: Path):
    nodes = Launch(make("parent"), stream=io.StringIO())
    nodes.start()
    await_ready(tmp_path, "parent")
    group = nodes.pids["parent"]
    os.kill(group, signal.SIGKILL)
    wait_until(lambda: not guard.alive(group), "the parent lives")
    assert guard.alive(-group), "its child should still run"
    nodes.shutdown()
    assert not guard.alive(-group)


def test_a_required_process_that_fails_ends_all_with_code_1_and_its_last_words(make: Callable[..., Path]):
    out = io.StringIO()
    with Launch(make("polite", required=("crash",)), quiet=True, stream=out) as nodes:
        assert nodes.wait(timeout=10) == 1
    assert "crash ended with exit code 1" in out.getvalue()
    assert "crash: ValueError: the arm is unplugged" in out.getvalue()
    assert not any(guard.alive(p) for p in nodes.pids.values())


@pytest.mark.parametrize("quiet", [True, False])
def test_the_last_line_says_which_process_failed_how_and_why(make: Callable[..., Path], quiet: bool):
    out = io.StringIO()
    with Launch(make("polite", "done", required=("crash",)), quiet=quiet, stream=out) as nodes:
        assert nodes.wait(timeout=10) == 1
    last = out.getvalue().splitlines()[-1]
    assert last == "[launch] failed first: crash ended with exit code 1: ValueError: the arm is unplugged"


def test_of_several_that_failed_the_first_has_the_last_word(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    with Launch(make("crash", "deaf"), stream=out) as nodes:
        await_ready(tmp_path, "deaf")
        wait_until(lambda: nodes.poll() is None and "exit code 1" in out.getvalue(), "the crash is not reported")
        nodes.shutdown()
    assert out.getvalue().splitlines()[-2:] == [
        "[launch] after that: deaf was ended by signal 9: it said nothing",
        "[launch] failed first: crash ended with exit code 1: ValueError: the arm is unplugged",
    ]


def test_a_required_process_that_is_done_ends_all_with_code_0(make: Callable[..., Path]):
    with Launch(make("polite", required=("done",)), stream=io.StringIO()) as nodes:
        assert nodes.wait(timeout=10) == 0


def test_another_process_that_fails_is_reported_and_the_rest_goes_on(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    with Launch(make("crash", "polite"), stream=out) as nodes:
        await_ready(tmp_path, "polite")
        wait_until(lambda: nodes.poll() is None and "exit code 1" in out.getvalue(), "the crash is not reported")
        assert guard.alive(nodes.pids["polite"])
        assert nodes.shutdown() == 1


def test_wait_gives_up_after_its_timeout(make: Callable[..., Path]):
    with Launch(make("polite"), quiet=True) as nodes:
        started = time.monotonic()
        assert nodes.wait(timeout=0.2) is None
        assert 0.2 <= time.monotonic() - started < 2.0


def test_all_output_arrives_prefixed_and_in_the_log(make: Callable[..., Path], tmp_path: Path):
    out = io.StringIO()
    with Launch(make("talk", "flood"), stream=out, log_dir=tmp_path / "log") as nodes:
        assert nodes.wait(timeout=20) == 0
    lines = out.getvalue().splitlines()
    assert "[talk] first" in lines and "[talk] last without newline" in lines
    assert [x for x in lines if x.startswith("[flood] ")] == [
        *(f"[flood] line {i}" for i in range(20000)),
        "[flood] end of flood",
    ]
    assert (tmp_path / "log" / "talk.log").read_text() == "first\nlast without newline"


def test_a_program_that_cannot_start_ends_those_already_started(tmp_path: Path, make: Callable[..., Path]):
    path = make("polite")
    path.write_text(path.read_text() + "  - executable: {cmd: /no/such/program, name: missing}\n")
    nodes = Launch(path, stream=io.StringIO())
    with pytest.raises(LaunchError, match="missing: cannot start /no/such/program: No such file"):
        nodes.start()
    assert nodes.poll() == 1
    assert not guard.alive(nodes.pids["polite"])


def test_without_rclpy_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extras, "missing", lambda extra: ["rclpy"] if extra == "ros" else [])
    nodes = Launch("teleop", quiet=True)
    with pytest.raises(extras.MissingExtraError, match=r"rclpy not installed: pip install 'robot_rl\[ros\]'"):
        nodes.start()
    assert nodes.pids == {}


def test_a_launch_is_started_once(make: Callable[..., Path]):
    with Launch(make("done"), quiet=True) as nodes:
        assert nodes.wait(timeout=10) == 0
    with pytest.raises(LaunchError, match="started already"):
        nodes.start()


LAUNCHER = """
import sys
import termios
from robot_rl.runtime.launch import launch
sys.exit(launch(sys.argv[1]))
"""


def launcher(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", LAUNCHER, str(path)], stdout=subprocess.PIPE, text=True)


def started_pids(process: subprocess.Popen[str], names: int) -> list[int]:
    assert process.stdout is not None
    pids = []
    while len(pids) < names:
        line = process.stdout.readline()
        assert line, "the launcher ended early"
        if " started (pid " in line:
            pids.append(int(line.rstrip().rstrip(")").rpartition(" ")[2]))
    return pids


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_ends_all_cleanly(make: Callable[..., Path], tmp_path: Path, number: signal.Signals):
    process = launcher(make("polite"))
    (pid,) = started_pids(process, 1)
    await_ready(tmp_path, "polite")
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "[polite] told SIGINT" in out
    assert not guard.alive(-pid)


def test_a_second_ctrl_c_makes_it_hurry(make: Callable[..., Path], tmp_path: Path):
    process = launcher(make("deaf"))  # here with its real patience: 4 s, then 10 s
    (pid,) = started_pids(process, 1)
    await_ready(tmp_path, "deaf")
    began = time.monotonic()
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    process.communicate(timeout=5)
    assert process.returncode == 1
    assert time.monotonic() - began < 5
    assert not guard.alive(-pid)


def test_killing_the_launcher_leaves_no_orphan_and_lets_nodes_end_cleanly(make: Callable[..., Path], tmp_path: Path):
    process = launcher(make("polite", "parent"))
    pids = started_pids(process, 2)
    await_ready(tmp_path, "polite", "parent")
    process.kill()
    process.wait()
    wait_until(lambda: not any(guard.alive(-p) for p in pids), "orphans after SIGKILL of the launcher")
    assert (tmp_path / "told").read_text() == "SIGINT"
    assert process.stdout is not None
    process.stdout.close()


READS_KEYS = """
import os, sys, termios, tty
fd = os.open("/dev/tty", os.O_RDWR)
tty.setcbreak(fd)
print("listening", flush=True)
print("key", os.read(fd, 1).decode(), flush=True)
os.kill(os.getpid(), 9)  # dies without putting the terminal back
"""


def test_a_node_that_reads_the_keyboard_gets_its_keys_and_the_terminal_is_put_back(tmp_path: Path):
    script = tmp_path / "keys.py"
    script.write_text(READS_KEYS)
    path = tmp_path / "x.launch.yaml"
    path.write_text(
        f"launch:\n  - executable:\n      cmd: python3 {script}\n      name: keys\n      output: screen\n"
        '      on_exit: shutdown\n      env: [{name: ROBOT_RL_TERMINAL, value: "true"}]\n'
    )
    pid, terminal = pty.fork()
    if pid == 0:
        coloured = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        os.execve(sys.executable, [sys.executable, "-c", LAUNCHER, str(path)], coloured)
    seen = b""
    while b"[keys]\x1b[0m listening" not in seen:
        seen += os.read(terminal, 4096)
    assert not termios.tcgetattr(terminal)[3] & termios.ICANON
    os.write(terminal, b"w")
    while b"[keys]\x1b[0m key w" not in seen:
        seen += os.read(terminal, 4096)
    wait_until(lambda: bool(termios.tcgetattr(terminal)[3] & termios.ICANON), "the terminal stays in cbreak mode")
    with pytest.raises(OSError, match="Input/output error"):  # the end: the launcher has left the terminal
        while True:
            seen += os.read(terminal, 4096)
    assert b"keys was ended by signal 9" in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    os.close(terminal)
