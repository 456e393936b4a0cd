"""The node graph in real time: how well a 100 Hz loop keeps its beat, and whether camera images arrive.

1. Robot (simulated quadrotor, 100 Hz), two rendered cameras (128x128, 30 Hz), a flow-matching policy that plans anew
   in every step, arbiter and episode manager run as the processes of the `deploy` launch description. A further
   process listens to their topics. CPU is that of each process over the same time.
2. Two cameras of 640x480 at 30 Hz, played from numbered videos by the camera node. A subscriber in another process,
   with nothing set, counts the numbers that arrive; beside it the same with the transport that rclpy has by default.

    python benchmarks/ros.py --seconds 60
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ros_graph import coded_video, processes, workspace

from robot_rl.runtime.launch import Launch, child
from robot_rl.runtime.launch.domain import claim_domain

RESULT = Path(__file__).parent / "results" / "ros.json"
PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"
WARM_UP = 4.0
"""[s] in which camera and subscriber find each other; pictures before that are not counted."""


def measure_loop(folder: Path, checkpoint: Path, seconds: float) -> dict[str, Any]:
    """The graph of `deploy` in real time, seen from outside."""
    environment = {"ROS_DOMAIN_ID": str(claim_domain())}
    arguments = {"robot": workspace.LOOP_ROBOT, "checkpoint": str(checkpoint), "intervene": "false"}
    with Launch("deploy", arguments, log_dir=folder / "log", quiet=True, environment=environment) as nodes:
        listening = ("--robot", workspace.LOOP_ROBOT, "--camera", "front", "--seconds", str(seconds))
        observer = processes.start("loop_observer", *listening, environment={**os.environ, **environment})
        try:
            processes.expect(observer, "measuring")
            begun = time.monotonic()
            before = {name: processes.cpu_seconds(pid) for name, pid in nodes.pids.items()}
            processes.expect(observer, "measured")
            span = time.monotonic() - begun
            cpu = {name: processes.cpu_seconds(pid) - before[name] for name, pid in nodes.pids.items()}
            memory = {name: processes.memory_mb(pid) for name, pid in nodes.pids.items()}
            figures = processes.result(observer)
        finally:
            observer.kill()
        if nodes.poll() is not None:
            raise RuntimeError(f"the graph ended while it was measured; see {folder / 'log'}")
    return figures | {
        "cpu_percent": {name: round(100.0 * used / span, 1) for name, used in cpu.items()},
        "memory_mb": {name: round(mb) for name, mb in memory.items()},
        "seconds": seconds,
    }


def measure_tick() -> dict[str, Any]:
    """CPU time of one arbiter tick [ms]; unlike its wall time it does not grow with what else the machine does."""
    environment = os.environ | {"ROS_DOMAIN_ID": str(claim_domain())}
    return processes.result(processes.start("tick_cost", "--robot", workspace.LOOP_ROBOT, environment=environment))


def measure_images(folder: Path, seconds: float, *, profile: bool, qos: str) -> dict[str, Any]:
    """Share and age of the pictures of two cameras that reach a subscriber with quality of service `qos`.

    Args:
        profile: start the camera node with the environment of the launch description; otherwise without any.
    """
    description = Launch("teleop", {"robot": workspace.CAMERA_ROBOT, "device": "scripted"})
    camera = next(p for p in description.processes if p.name.startswith("camera"))
    plain = child.environment({"ROS_DOMAIN_ID": str(claim_domain())}, folder)
    plain.pop(PROFILE, None)
    span = ("--warm-up", str(WARM_UP), "--seconds", str(seconds), "--qos", qos)
    listener = processes.start("image_listener", "left,right", *span, environment=plain)
    processes.expect(listener, "listening")
    environment = plain | (camera.environment if profile else {})
    with (folder / "camera.log").open("ab") as log:
        node = subprocess.Popen(camera.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        begun, before = time.monotonic(), processes.cpu_seconds(node.pid)
        figures = processes.result(listener)
        cpu = (processes.cpu_seconds(node.pid) - before) / (time.monotonic() - begun)
    finally:
        listener.kill()
        node.send_signal(signal.SIGINT)
        node.wait(timeout=15)
    return figures | {"camera_cpu_percent": round(100.0 * cpu, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the loop; half of it for each camera run")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    load = round(os.getloadavg()[0], 1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="robot_rl_bench_") as name:
        folder = Path(name)
        os.environ["ROBOT_RL_WORKSPACE"] = os.environ["ROS_LOG_DIR"] = name
        frames = round((WARM_UP + options.seconds / 2) * coded_video.FPS)
        checkpoint = workspace.make(folder, frames)
        tick = measure_tick()
        print("CPU time of a tick [ms]:", tick)
        loop = measure_loop(folder, checkpoint, options.seconds)
        print(json.dumps(loop, indent=1))
        images = {}
        for transport, profile in (("launch_description", True), ("rclpy_defaults", False)):
            for reliability, qos in (("reliable", "stream"), ("best_effort", "sensor_data")):
                run = measure_images(folder, options.seconds / 2, profile=profile, qos=qos)
                images[f"{transport}_{reliability}"] = run
                print(transport, reliability, run)
    packages = ("robot_rl", "ros-rclpy", "numpy", "torch", "mujoco", "opencv-python-headless")
    result = {
        "what": "node graph in real time: 100 Hz loop with policy and cameras; two 640x480 cameras at 30 Hz",
        "tick_cpu_ms": tick,
        "loop_100_hz": loop,
        "images_640x480": images,
        "target": {"tick_cpu_p99_ms": 0.5, "compute_p99_ms": 0.5, "launch_description_arrived_share": 1.0},
        "versions": {p: importlib.metadata.version(p) for p in packages} | {"python": platform.python_version()},
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "load_before": load},
    }
    options.result.parent.mkdir(parents=True, exist_ok=True)
    options.result.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
