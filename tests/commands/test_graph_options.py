"""What `record` and `deploy` are asked alike: the device in a person's hand, its file, and who the person is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robot_rl import cli, workspace
from robot_rl.commands import deploy, record
from robot_rl.commands.graph_options import check_driver
from robot_rl.commands.launch_checks import completed
from robot_rl.commands.names import UsageError
from robot_rl.hardware.config import load
from robot_rl.runtime import launch as runtime_launch


@pytest.mark.parametrize("more", [[], ["--no-intervene"]])
def test_a_device_that_computes_is_no_input_device_and_the_option_for_it_is_named(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["deploy", "--robot", "sim_lift", "--checkpoint", "flow_lift", "--device", "cuda", *more]
    assert cli.main(given) == 2
    said = "--device cuda is no input device: --device is what a person holds. For the policy to compute there, say "
    assert f"{said}--policy-device cuda" in capsys.readouterr().err
    assert cli.main(["launch", "deploy", "checkpoint:=flow_lift", "device:=cuda:1"]) == 2
    errors = capsys.readouterr().err
    assert "device:=cuda:1 is no input device" in errors and errors.endswith("say policy_device:=cuda\n")
    assert cli.main(["launch", "finetune", "session:=new", "recipe:=rlpd_pegslot", "device:=cuda"]) == 2
    assert capsys.readouterr().err.endswith("For the policy to compute there, say policy_device:=cuda\n")


@pytest.mark.parametrize("name", ["gamepad:/dev/input/js1", "spacemouse:/dev/hidraw3"])
def test_a_device_may_be_named_with_its_file_by_every_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rclpy")
    pytest.importorskip("torch")
    kind, _, file = name.partition(":")
    recording = record.Options(device=name)
    recording.check_driver(load("sim_lift"))
    deploying = deploy.arguments(deploy.Options(checkpoint="x", device=name), "x")
    collecting: dict[str, str] = {}
    monkeypatch.setattr(runtime_launch, "launch", lambda _name, given: collecting.update(given) or 0)
    given = ["--live", "--device", name, "--camera", "front", "--output", str(tmp_path)]
    assert cli.main(["reward", "collect", *given]) == 0
    launched = [completed(n, {"device": name}) for n in ("teleop", "record", "collect", "deploy")]
    for arguments in (recording.launch_arguments(), deploying, collecting, *launched):
        assert (arguments["device"], arguments["path"]) == (kind, file)
    assert completed("my_own.launch.yaml", {"device": name}) == {"device": name}
    assert completed("teleop", {"device": name, "path": file})["path"] == file


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["record", "--device", "gamepd:/dev/input/js1"], "no input device 'gamepd:/dev/input/js1'. Did you mean"),
        (["record", "--device", "scripted:expert"], "'scripted:expert': the scripted operator has no device file"),
        (["launch", "teleop", "device:=gamepad:/a", "path:=/b"], "the gamepad is said to be '/a' and '/b'"),
    ],
)
def test_a_device_file_that_cannot_be_is_refused(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(given) == 2
    assert said in capsys.readouterr().err


def test_the_person_at_the_device_is_noted_with_each_episode() -> None:
    assert record.Options(person="Ada").launch_arguments()["operator"] == "Ada"
    assert record.Options().launch_arguments()["operator"] == ""
    scripted = {"device": "scripted", "quality": "expert"}
    assert record.Options(**scripted).launch_arguments()["operator"] == "scripted:expert"
    assert record.Options(**scripted, person="Ada").launch_arguments()["operator"] == "Ada"
    helped = deploy.Options(checkpoint="x", **scripted)
    assert helped.helped and deploy.arguments(helped, "x")["operator"] == "scripted:expert"


@pytest.mark.parametrize("how", [{"intervene": False}, {"evaluation": True}])
def test_a_scripted_operator_that_may_not_take_over_is_not_noted(how: dict[str, bool]) -> None:
    alone = deploy.Options(checkpoint="x", device="scripted", **how)
    assert not alone.helped and deploy.arguments(alone, "x")["operator"] == ""
    marking = deploy.Options(checkpoint="x", device="scripted", person="Ada", **how)
    assert deploy.arguments(marking, "x")["operator"] == "Ada", "who begins and marks the trials"


def test_a_device_of_ones_own_is_a_folder_of_hardware_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "hardware" / "devices" / "my_pad"
    own.mkdir(parents=True)
    found = workspace.find("hardware/devices", "gamepad", "device.yaml")
    assert found is not None
    shutil.copy(found, own)
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    check_driver(load("sim_lift"), "my_pad", simulated_only=False)
    with pytest.raises(UsageError, match="Did you mean 'my_pad'"):
        check_driver(load("sim_lift"), "my_pd", simulated_only=False)
