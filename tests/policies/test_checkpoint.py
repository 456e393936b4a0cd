import dataclasses
import json

import numpy as np
import pytest

from robot_rl.hardware.config import CameraConfig
from robot_rl.policies import checkpoint, storage
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.edm import EdmConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gmm_rnn import GmmRnnConfig
from robot_rl.policies.slow_fast import SlowFastConfig
from robot_rl.spec import Field, Layout


def observation(policy):
    rng = np.random.default_rng(0)
    return {n: rng.normal(size=(policy.n_obs, *policy.inputs[n].shape)) for n in policy.observation_names}


def test_a_loaded_policy_predicts_bit_for_bit_the_same(policy, statistics, tmp_path):
    checkpoint.save(tmp_path / "p", policy, statistics, dataset={"identity": "abc"}, training={"steps": 3})
    loaded = checkpoint.load(tmp_path / "p")
    for p in (policy, loaded):
        p.reset(seed=1)
    np.testing.assert_array_equal(policy.predict(observation(policy)), loaded.predict(observation(policy)))
    card = checkpoint.read_card(tmp_path / "p")
    assert card.spec == policy.spec and card.config == policy.config
    assert card.dataset == {"identity": "abc"} and card.training == {"steps": 3}


def test_a_training_run_directory_stands_for_its_checkpoint(policy, statistics, tmp_path):
    checkpoint.save(tmp_path / "run" / "checkpoint", policy, statistics)
    assert checkpoint.load(tmp_path / "run").horizon == 6


def test_saving_again_replaces_the_old_weights(policy, statistics, tmp_path):
    checkpoint.save(tmp_path, policy, statistics)
    policy.action_normalizer.offset += 1
    checkpoint.save(tmp_path, policy, statistics)
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoint.load(tmp_path).action_normalizer.offset.equal(policy.action_normalizer.offset)


def test_a_crash_between_weights_and_card_leaves_the_old_policy_readable(policy, statistics, tmp_path, monkeypatch):
    checkpoint.save(tmp_path, policy, statistics)
    before = policy.action_normalizer.offset.clone()
    policy.action_normalizer.offset += 1
    replace = storage._replace

    def fail_on_card(path, content):
        if path.suffix == ".json":
            raise OSError("no space left on device")
        replace(path, content)

    monkeypatch.setattr(storage, "_replace", fail_on_card)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tmp_path, policy, statistics)
    assert checkpoint.load(tmp_path).action_normalizer.offset.equal(before)


@pytest.mark.parametrize("between", ["document and tensors", "card and pair"])
def test_a_reader_finds_a_whole_pair_while_it_is_replaced(policy, statistics, tmp_path, monkeypatch, between):
    checkpoint.save(tmp_path, policy, statistics, training={"step": 1})
    policy.action_normalizer.offset += 1
    read, calls = storage.read_document, []

    def replaced_after(directory, name):
        document = read(directory, name)
        calls.append(name)
        if len(calls) == (1 if between == "card and pair" else 2):
            checkpoint.save(tmp_path, policy, statistics, training={"step": 2})
        return document

    monkeypatch.setattr(storage, "read_document", replaced_after)
    assert checkpoint.load(tmp_path).action_normalizer.offset.equal(policy.action_normalizer.offset)


def test_a_tensor_file_that_is_missing_for_good_is_said(policy, statistics, tmp_path):
    checkpoint.save(tmp_path, policy, statistics)
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(CheckpointError, match=r"policy-.*\.safetensors: not readable"):
        checkpoint.load(tmp_path)


def test_what_a_killed_writer_left_is_cleared_by_the_next(policy, statistics, tmp_path):
    for left in (".policy-0123456789ab.safetensors.77", ".policy.json.77", ".verifier.json.77"):
        (tmp_path / left).write_bytes(b"half")
    checkpoint.save(tmp_path, policy, statistics)
    assert sorted(p.name.split("-")[0] for p in tmp_path.iterdir()) == [".verifier.json.77", "policy", "policy.json"]
    checkpoint.load(tmp_path)


def plays_as_version(folder, document, version, old):
    """A checkpoint whose document says so loads as the policy it was made of."""
    (folder / "policy.json").write_text(json.dumps(document | {"version": version}))
    loaded = checkpoint.load(folder)
    for p in (old, loaded):
        p.reset(seed=1)
    np.testing.assert_array_equal(old.predict(observation(old)), loaded.predict(observation(old)))


def test_a_checkpoint_from_before_poses_were_related_still_plays(spec, statistics, tmp_path):
    two = Layout((*spec.observation.values(), Field("cube", (7,), kind="pose")))
    seen = dataclasses.replace(spec, observation=two)
    known = statistics | {"cube": statistics["ee"]}
    plain = PolicyConfig(horizon=6, n_action_steps=4, encoder=EncoderConfig(width=16, relative_poses=False))
    old = ChunkPolicy(seen, two, plain, known).eval()
    checkpoint.save(tmp_path, old, known)
    document = json.loads((tmp_path / "policy.json").read_text())
    del document["config"]["encoder"]["relative_poses"]
    plays_as_version(tmp_path, document, 1, old)


@pytest.mark.parametrize(
    "head",
    [
        FlowConfig(width=16, prediction="velocity"),
        SlowFastConfig(width=16, prediction="velocity"),
        EdmConfig(width=16, prediction="residual"),
    ],
)
def test_a_head_from_before_it_predicted_the_chunk_still_plays(head, spec, statistics, tmp_path):
    config = PolicyConfig(horizon=6, n_action_steps=4, encoder=EncoderConfig(width=16), head=head)
    old = ChunkPolicy(spec, spec.observation, config, statistics).eval()
    checkpoint.save(tmp_path, old, statistics)
    document = json.loads((tmp_path / "policy.json").read_text())
    del document["config"]["head"]["prediction"]
    plays_as_version(tmp_path, document, 2, old)


def test_a_mixture_from_before_its_steps_had_gains_still_plays(spec, statistics, tmp_path):
    head = GmmRnnConfig(width=16, gains=False, temperature=1.0)
    config = PolicyConfig(horizon=6, n_action_steps=4, encoder=EncoderConfig(width=16), head=head)
    old = ChunkPolicy(spec, spec.observation, config, statistics).eval()
    checkpoint.save(tmp_path, old, statistics)
    document = json.loads((tmp_path / "policy.json").read_text())
    del document["config"]["head"]["gains"], document["config"]["head"]["temperature"]
    plays_as_version(tmp_path, document, 2, old)


def test_a_goal_from_before_it_was_seen_from_the_robot_is_refused_with_the_reason(spec, statistics, tmp_path):
    two = Layout((*spec.observation.values(), Field("target", (7,), kind="pose")))
    seen, known = dataclasses.replace(spec, observation=two), statistics | {"target": statistics["ee"]}
    encoder = EncoderConfig(width=16, relative_poses=False)
    config = PolicyConfig(tuple(two), horizon=6, n_action_steps=4, encoder=encoder, goal=("target",))
    checkpoint.save(tmp_path, ChunkPolicy(seen, two, config, known), known)
    checkpoint.load(tmp_path)
    document = json.loads((tmp_path / "policy.json").read_text())
    document["config"]["encoder"]["relative_poses"] = True
    (tmp_path / "policy.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="before its goal was also seen from where the robot is; train it anew$"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(("file", "command"), [("train.yaml", "train"), ("finetune.yaml", "finetune")])
def test_a_recipe_that_has_made_no_policy_yet_is_told_from_a_name_that_is_none(file, command, tmp_path, monkeypatch):
    (tmp_path / "hardware").mkdir()
    recipe = tmp_path / "policies" / "flow_own" / file
    recipe.parent.mkdir(parents=True)
    recipe.write_text("")
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    wanted = rf"recipe 'flow_own' has made no policy yet: robot-rl {command} --recipe flow_own --dataset \.\.\.$"
    with pytest.raises(CheckpointError, match=wanted):
        checkpoint.resolve("flow_own")
    wanted = rf"'{recipe.parent}' has made no policy yet: robot-rl {command} --recipe {recipe} --dataset"
    with pytest.raises(CheckpointError, match=wanted):
        checkpoint.resolve(recipe.parent)
    made = recipe.parent / "checkpoints" / "20260101" / "checkpoint" / "policy.json"
    made.parent.mkdir(parents=True)
    made.write_text("{}")
    assert checkpoint.resolve(recipe.parent) == checkpoint.resolve("flow_own") == made.parent
    with pytest.raises(CheckpointError, match="no policy at 'flow_onw', and no recipe .* Did you mean 'flow_own'"):
        checkpoint.resolve("flow_onw")


def test_what_is_not_a_checkpoint_is_refused_with_the_reason(policy, statistics, tmp_path):
    with pytest.raises(CheckpointError, match="no policy at"):
        checkpoint.load(tmp_path)
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(CheckpointError, match="not readable"):
        checkpoint.load(tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps({"type": "diffusion"}))
    with pytest.raises(CheckpointError, match=r"policy\.json: format None"):
        checkpoint.load(tmp_path)
    checkpoint.save(tmp_path, policy, statistics)
    document = json.loads((tmp_path / "policy.json").read_text())
    (tmp_path / "policy.json").write_text(json.dumps(document | {"version": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        checkpoint.load(tmp_path)
    del document["config"]
    (tmp_path / "policy.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="config"):
        checkpoint.load(tmp_path)


def test_damaged_weights_are_noticed(policy, statistics, tmp_path):
    checkpoint.save(tmp_path, policy, statistics)
    weights = next(tmp_path.glob("*.safetensors"))
    raw = bytearray(weights.read_bytes())
    raw[-5] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(CheckpointError, match="sha256"):
        checkpoint.load(tmp_path)


def test_an_absent_device_is_named(policy, statistics, tmp_path):
    checkpoint.save(tmp_path, policy, statistics)
    with pytest.raises(CheckpointError, match="device 'tpu9'"):
        checkpoint.load(tmp_path, device="tpu9")


def test_only_fields_that_the_policy_looks_at_must_fit(policy, spec, statistics):
    narrow = ChunkPolicy(spec, Layout((spec.observation["q"],)), PolicyConfig(), statistics)
    degrees = Layout((dataclasses.replace(spec.observation["q"], unit="deg"),))
    assert checkpoint.check_fits(policy, spec) == []
    assert checkpoint.check_fits(narrow, dataclasses.replace(spec, observation=Layout((spec.observation["q"],)))) == []
    assert checkpoint.check_fits(narrow, dataclasses.replace(spec, observation=degrees)) == [
        "observation 'q': unit rad against deg"
    ]
    faster = checkpoint.check_fits(policy, dataclasses.replace(spec, rate=50.0))
    assert faster == ["rate: 20 Hz against 50 Hz"]
    checkpoint.require_fits(policy, spec)
    with pytest.raises(CheckpointError, match=r"robot 'toy'.*\n  rate: 20 Hz against 50 Hz"):
        checkpoint.require_fits(policy, dataclasses.replace(spec, rate=50.0))


def test_a_robot_whose_actions_lie_in_another_order_is_refused(policy, spec):
    """Numbers would go to the wrong actuators: actions travel as one flat vector."""
    twist, grip = spec.action.values()
    with pytest.raises(CheckpointError, match="action: order of fields twist, grip against grip, twist"):
        checkpoint.require_fits(policy, dataclasses.replace(spec, action=Layout((grip, twist))))
    turned = dataclasses.replace(spec.observation["q"], labels=("b", "a"))
    seen = Layout((turned, spec.observation["ee"]))
    with pytest.raises(CheckpointError, match="observation 'q': labels"):
        checkpoint.require_fits(policy, dataclasses.replace(spec, observation=seen))


def test_camera_sizes_must_fit(spec, statistics):
    inputs = Layout((spec.observation["q"], Field("front", (48, 64, 3), kind="image", dtype="uint8")))
    policy = ChunkPolicy(spec, inputs, PolicyConfig(), statistics)
    camera = CameraConfig("front", "mujoco", width=64, height=48, fps=20)
    assert checkpoint.check_fits(policy, spec, {"front": camera}) == []
    wide = dataclasses.replace(camera, width=128)
    assert checkpoint.check_fits(policy, spec, {"front": wide}) == [
        "camera 'front': height, width (48, 64) against (48, 128)"
    ]
    assert "the robot has none" in checkpoint.check_fits(policy, spec, {})[0]
