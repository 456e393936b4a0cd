from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from robot_rl import cli, extras
from robot_rl.doctor import examine, transport
from robot_rl.doctor.check import Finding
from robot_rl.doctor.devices import check_inputs
from robot_rl.doctor.packages import check_extras
from robot_rl.doctor.probe import ProbeError, result, start
from robot_rl.doctor.rendering import check_rendering
from robot_rl.doctor.storage import check_disk
from robot_rl.doctor.timing import tick_errors


def test_a_missing_extra_is_a_warning_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.EXTRAS, "realsense", ("no_such_sdk",))
    finding = next(f for f in check_extras() if f.name == "extra [realsense]")
    assert finding.status == "warn"
    assert "no_such_sdk missing" in finding.detail
    assert finding.remedy == "pip install 'robot_rl[realsense]'"


def test_every_extra_but_the_tools_is_looked_at() -> None:
    looked_at = {f.name for f in check_extras() if f.name.startswith("extra ")}
    assert looked_at == {f"extra [{extra}]" for extra in set(extras.EXTRAS) - {"dev"}}


@pytest.mark.parametrize("extra", ["vision", "serve", "cluster"])
def test_what_is_missing_of_an_extra_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    monkeypatch.setitem(extras.EXTRAS, extra, ("json", "no_such_module"))
    finding = next(f for f in check_extras() if f.name == f"extra [{extra}]")
    assert finding.status == "warn" and finding.detail.endswith(": no_such_module missing")
    assert finding.remedy == f"pip install 'robot_rl[{extra}]'"


def test_a_rendering_backend_that_does_not_exist_fails_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco")
    monkeypatch.setenv("MUJOCO_GL", "bogus")
    (finding,) = check_rendering()
    assert finding.status == "fail"
    assert "libegl1" in finding.remedy


def test_the_rendering_check_draws_a_red_box_here() -> None:
    pytest.importorskip("mujoco")
    (finding,) = check_rendering()
    assert finding.status == "pass", finding
    assert 0.1 < finding.figures["frame_cpu_ms"] < 5000


def test_pictures_sent_by_one_process_arrive_intact_in_another() -> None:
    pytest.importorskip("rclpy")
    discovery, images = transport.check_transport(seconds=0.5)
    assert discovery.status == "pass", discovery
    assert images.figures["delivered_share"] == 1.0, images


def test_a_talker_that_nobody_hears_gives_up_and_the_doctor_says_what_to_look_at() -> None:
    pytest.importorskip("rclpy")
    code = "from robot_rl.ros import transport_probe as p; p.DISCOVERY_TIMEOUT = 0.5; p.main(['talk'])"
    sent = result(start("-c", code), timeout=20)
    assert sent["matched"] == 0
    finding = transport._discovery(sent)
    assert finding.status == "fail"
    assert "ROS_DOMAIN_ID" in finding.remedy


@pytest.mark.parametrize(("arrived", "status"), [(90, "pass"), (80, "warn"), (3, "fail")])
def test_lost_pictures_lower_the_verdict(arrived: int, status: str) -> None:
    finding = transport._images({"sent": 90}, {"intact": arrived, "p50_ms": 1.0, "p99_ms": 2.0})
    assert finding.status == status
    assert bool(finding.remedy) == (status != "pass")


def test_a_disk_that_cannot_be_written_to_fails(tmp_path: Path) -> None:
    (finding,) = check_disk(tmp_path / "no" / "such" / "folder")
    assert finding.status == "fail"
    assert "ROBOT_RL_WORKSPACE" in finding.remedy


def test_the_disk_check_measures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (finding,) = check_disk(tmp_path)
    assert finding.figures["write_MB_s"] > 0
    assert finding.figures["free_GB"] > 0
    assert list(tmp_path.iterdir()) == []


def test_the_jitter_loop_keeps_absolute_deadlines() -> None:
    begun = time.monotonic()
    late = tick_errors(rate=100.0, seconds=0.3)
    assert len(late) == 30
    assert (late >= 0).all()
    took = time.monotonic() - begun
    assert 0.3 + late[-1] - 0.01 <= took < 1.0 + late[-1], "lateness does not add up"


def test_a_spacemouse_is_told_from_other_hid_devices_by_its_vendor(tmp_path: Path) -> None:
    for number, vendor in ((0, "0000046A"), (3, "0000256F")):
        device = tmp_path / f"sys/class/hidraw/hidraw{number}/device"
        device.mkdir(parents=True)
        (device / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID=0003:{vendor}:0000C635\n")
    node = tmp_path / "dev" / "hidraw3"
    node.parent.mkdir()
    node.touch()
    pads, mice = check_inputs(tmp_path)
    assert pads.detail.startswith("none found")
    assert mice.detail == f"found {node}"


def test_a_device_that_is_gone_or_not_readable_is_a_warning(tmp_path: Path) -> None:
    device = tmp_path / "sys/class/hidraw/hidraw3/device"
    device.mkdir(parents=True)
    (device / "uevent").write_text("HID_ID=0003:0000256F:0000C635\n")
    mice = check_inputs(tmp_path)[1]
    assert mice.status == "warn"
    assert "usermod -aG plugdev" in mice.remedy


def test_a_probe_that_hangs_crashes_or_says_nonsense_is_an_error() -> None:
    with pytest.raises(ProbeError, match=r"no answer within 0\.2 s"):
        result(start("-c", "import time; time.sleep(30)"), timeout=0.2)
    with pytest.raises(ProbeError, match="ZeroDivisionError"):
        result(start("-c", "1 / 0"), timeout=20)
    with pytest.raises(ProbeError, match="unexpected answer"):
        result(start("-c", "print('hello')"), timeout=20)


def test_json_holds_every_finding_and_a_failure_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Finding("disk", "fail", "cannot write", "make it writable")
    monkeypatch.setitem(examine.CHECKS, "disk", lambda: [broken])
    assert cli.main(["doctor", "--json", "--only", "disk", "clock"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [f["name"] for f in findings] == ["disk", "clock"]
    assert findings[0]["remedy"] == "make it writable"


def test_warnings_alone_exit_0_and_the_table_shows_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Finding("extra [sim]", "warn", "mujoco missing", "pip install 'robot_rl[sim]'")
    monkeypatch.setitem(examine.CHECKS, "extras", lambda: [missing])
    assert cli.main(["doctor", "--only", "extras"]) == 0
    assert "pip install 'robot_rl[sim]'" in capsys.readouterr().out
