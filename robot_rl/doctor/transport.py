"""Do nodes find each other, and do camera images really arrive? Asked of two processes over DDS."""

from __future__ import annotations

from robot_rl.doctor.check import Finding
from robot_rl.doctor.probe import ProbeError, result, start
from robot_rl.extras import missing

_MODULE = "robot_rl.ros.transport_probe"
_RATE = 30.0


def check_transport(seconds: float = 3.0) -> list[Finding]:
    """One process sends 640x480 pictures at 30 Hz for some seconds; another must receive them all, intact."""
    if missing("ros"):
        remedy = "pip install 'robot_rl[ros]', or source an installed ROS 2"
        return [Finding("ROS 2", "warn", "rclpy not installed", remedy)]
    arguments = ("--seconds", str(seconds), "--rate", str(_RATE))
    listener = start("-m", _MODULE, "listen", *arguments)
    talker = start("-m", _MODULE, "talk", *arguments)
    try:
        sent = result(talker, timeout=seconds + 12)
        heard = result(listener, timeout=8)
    except ProbeError as error:
        return [Finding("ROS 2 discovery", "fail", str(error), "see the message; ROS_LOG_DIR must be writable")]
    finally:
        for process in (talker, listener):
            if process.poll() is None:
                process.kill()
                process.wait()
    return [_discovery(sent), _images(sent, heard)] if sent["matched"] else [_discovery(sent)]


def _discovery(sent: dict[str, float]) -> Finding:
    if not sent["matched"]:
        remedy = (
            "the same ROS_DOMAIN_ID for all; allow UDP multicast and loopback in the firewall; "
            "ROS_AUTOMATIC_DISCOVERY_RANGE must be LOCALHOST or SUBNET"
        )
        return Finding("ROS 2 discovery", "fail", "two processes did not find each other within 8 s", remedy)
    detail = f"two processes found each other in {sent['discovery_s']:.1f} s"
    return Finding("ROS 2 discovery", "pass", detail, figures={"discovery_s": sent["discovery_s"]})


def _images(sent: dict[str, float], heard: dict[str, float]) -> Finding:
    share = heard["intact"] / max(1.0, sent["sent"])
    figures = {"delivered_share": share, "latency_p50_ms": heard["p50_ms"], "latency_p99_ms": heard["p99_ms"]}
    detail = (
        f"{heard['intact']:.0f} of {sent['sent']:.0f} pictures of 640x480 arrived; "
        f"latency p50 {heard['p50_ms']:.1f} ms, p99 {heard['p99_ms']:.1f} ms"
    )
    if share == 1.0:
        return Finding("ROS 2 images", "pass", detail, figures=figures)
    remedy = (
        "raise net.core.rmem_max; without shared memory (/dev/shm of a container) set "
        "FASTDDS_BUILTIN_TRANSPORTS='LARGE_DATA?max_msg_size=2MB&sockets_size=4MB' and "
        "ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET"
    )
    return Finding("ROS 2 images", "fail" if share < 0.5 else "warn", detail, remedy, figures)
