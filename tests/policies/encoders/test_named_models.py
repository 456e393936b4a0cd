import json

import pytest
import torch

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders.backbone import BackboneError, build, described, output_shape
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.torchvision_operators import make_importable
from robot_rl.spec import Field, Layout, Spec

make_importable()


def loaded(backbone, **options):
    config = described(EncoderConfig(backbone=backbone, **options))
    network = build(config)
    network.load_pretrained(config)
    return network.eval(), config


def test_a_timm_model_comes_with_its_weights_and_its_preprocessing(timm_folder):
    import timm

    network, _ = loaded(f"timm:local-dir:{timm_folder}", frozen=True)
    seen = network.preprocessing
    assert seen.mean == (0.1, 0.2, 0.3) and seen.std == (0.4, 0.5, 0.6)
    assert seen.size == 96 and seen.interpolation == "bicubic"
    reference = timm.create_model(f"local-dir:{timm_folder}", pretrained=True).eval()
    picture = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(network(picture), reference.forward_features(picture))
    assert output_shape(network, 300, 300)[0] == network.channels


def test_a_timm_model_is_cut_at_a_stride(timm_folder):
    network, _ = loaded(f"timm:local-dir:{timm_folder}", stride=8)
    assert output_shape(network, 96, 96)[1:] == (12, 12)
    with pytest.raises(BackboneError, match=r"no maps at stride 5; it has \[2, 4, 8, 16, 32\]"):
        loaded(f"timm:local-dir:{timm_folder}", stride=5)


def test_a_vision_transformer_of_timm_takes_another_size():
    network = build(described(EncoderConfig(backbone="timm:test_vit", pretrained=False, image_size=64)))
    assert output_shape(network, 300, 300) == (network.channels, 4, 4)  # patches of 16


def test_a_hugging_face_model_comes_with_its_weights_and_its_processors_preprocessing(hf_folder):
    from transformers import AutoModel

    network, config = loaded(f"hf:{hf_folder}", frozen=True)
    seen = network.preprocessing
    assert seen.mean == (0.2, 0.3, 0.4) and seen.std == (0.5, 0.6, 0.7)
    assert seen.size == 28 and seen.interpolation == "bicubic"
    picture = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        tokens = AutoModel.from_pretrained(hf_folder).eval()(pixel_values=picture).last_hidden_state
        maps = network(picture)
    assert tokens.shape == (2, 1 + 2 + 16, 16), "class token, registers, 4 x 4 patches"
    torch.testing.assert_close(maps.flatten(2).transpose(1, 2), tokens[:, 3:])
    assert json.loads(json.dumps(config.description)) == config.description


def test_of_a_model_for_pictures_and_text_the_part_that_sees_is_taken(tmp_path):
    import transformers

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 50}, vision_config={**small, "image_size": 32, "patch_size": 16}
    )
    whole = transformers.CLIPModel(config).eval()
    whole.save_pretrained(tmp_path)
    transformers.CLIPImageProcessor(crop_size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    network, _ = loaded(f"hf:{tmp_path}")
    picture = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        tokens = whole.vision_model(pixel_values=picture).last_hidden_state
        torch.testing.assert_close(network(picture).flatten(2).transpose(1, 2), tokens[:, 1:])


@pytest.mark.parametrize("backbone", ["hf:/no/such/folder", "timm:local-dir:/no/such/folder", "timm:no_such_model"])
def test_a_model_that_cannot_be_had_is_named_with_what_to_do(backbone, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BackboneError, match=r"cannot be had: [\s\S]*Without a network"):
        described(EncoderConfig(backbone=backbone))


def test_weights_that_were_kept_in_halves_are_trained_in_full(hf_folder, tmp_path):
    from transformers import AutoModel

    AutoModel.from_pretrained(hf_folder).to(torch.bfloat16).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text((hf_folder / "preprocessor_config.json").read_text())
    network, _ = loaded(f"hf:{tmp_path}")
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    kept = AutoModel.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(v, kept[n].float()) for n, v in network.model.state_dict().items()), "the same weights"


def test_a_backbone_that_sees_the_goal_alone_is_described_in_the_checkpoint():
    wanted = Field("wanted", (32, 32, 3), kind="image", dtype="uint8")
    state = Field("q", (2,))
    spec = Spec("toy", 20.0, Layout((state,)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))
    encoder = EncoderConfig(width=8, backbone="timm:test_vit", pretrained=False, image_size=64, pooling="mean")
    config = PolicyConfig(("q", "wanted"), horizon=4, n_action_steps=2, encoder=encoder, goal=("wanted",))
    policy = ChunkPolicy(spec, Layout((state, wanted)), config)
    assert policy.config.encoder.description == policy.goal_encoder.config.description != {}
