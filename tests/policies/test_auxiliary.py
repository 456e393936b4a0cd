import logging

import pytest
import torch

from robot_rl.policies.auxiliary import AuxiliaryConfig, later_rows, spread
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gaussian import GaussianConfig
from robot_rl.policies.joint import JointConfig

PREDICT = AuxiliaryConfig(latents=0.5, ahead=2, momentum=0.9)


def make_policy(spec, statistics, auxiliary=PREDICT, head=None):
    torch.manual_seed(0)
    config = PolicyConfig(
        horizon=4,
        n_action_steps=2,
        encoder=EncoderConfig(width=16),
        head=head or FlowConfig(width=16),
        auxiliary=auxiliary,
    )
    return ChunkPolicy(spec, spec.observation, config, statistics)


def make_batch(n=8, seed=0):
    g = torch.Generator().manual_seed(seed)
    out = {"action": torch.randn(n, 4, 7, generator=g), "action_mask": torch.ones(n, 4).bool()}
    for name, size in (("ee", 7), ("q", 2)):
        out[name] = torch.randn(n, 2, size, generator=g)
        later = torch.randn(n, 3, size, generator=g)
        out[f"future.{name}"] = torch.cat([out[name][:, -1:], later], dim=1)
    return out


def test_later_rows_are_spread_over_the_chunk_and_end_with_it():
    assert later_rows(16, 4) == [4, 8, 11, 15]
    assert later_rows(4, 2) == [2, 3]
    assert later_rows(2, 5) == [1]
    assert later_rows(1, 3) == [0]


def test_the_target_encoder_sees_the_history_that_ends_at_its_row(spec, statistics):
    """At row 1 the history of 2 is the newest observation and the one after it."""
    policy, batch = make_policy(spec, statistics), make_batch()
    policy.later.target.follow(policy.encoder, all_the_way=True)
    by_hand = {n: torch.stack([batch[n][:, -1], batch[f"future.{n}"][:, 1]], dim=1) for n in ("ee", "q")}
    expected = torch.nn.functional.layer_norm(policy.encoder(by_hand), (16,))
    torch.testing.assert_close(policy.later.target.later(batch, [1])[:, 0], expected)


def test_the_loss_is_the_heads_plus_its_weight_times_the_prediction_error(spec, statistics):
    with_, without = make_policy(spec, statistics), make_policy(spec, statistics, AuxiliaryConfig())
    without.load_state_dict({k: v for k, v in with_.state_dict().items() if not k.startswith("later.")})
    batch = make_batch()
    losses = [p.loss(batch, torch.Generator().manual_seed(1)).item() for p in (with_, without)]
    extra = with_.later.loss(with_.encoder(batch), with_.later.latents(batch), batch["action_mask"]).item()
    assert extra > 0.1
    assert losses[0] - losses[1] == pytest.approx(0.5 * extra, rel=1e-4)


def test_rows_that_are_padding_do_not_count(spec, statistics):
    policy, batch = make_policy(spec, statistics), make_batch()
    batch["action_mask"][:, 3:] = False
    wanted = policy.later.latents(batch)
    loss = policy.later.loss(policy.encoder(batch), wanted, batch["action_mask"])
    wanted[:, 1] = 1e6
    assert policy.later.loss(policy.encoder(batch), wanted, batch["action_mask"]) == loss


def test_no_gradient_reaches_the_target_and_it_follows_after_each_update(spec, statistics):
    policy, batch = make_policy(spec, statistics), make_batch()
    policy.loss(batch).backward()
    assert all(p.grad is None for p in policy.later.target.parameters())
    assert policy.later.predictor[0].weight.grad.abs().sum() > 0
    mine, theirs = (next(e.network.parameters()) for e in (policy.later.target.average, policy.encoder))
    before = mine.clone()
    with torch.no_grad():
        theirs += 1.0
    policy.after_update()
    torch.testing.assert_close(mine, 0.9 * before + 0.1 * theirs)


def test_prediction_neither_runs_nor_changes_the_extra_parts(spec, statistics):
    policy = make_policy(spec, statistics).eval()
    policy.later.register_forward_pre_hook(lambda *_: pytest.fail("ran"))
    policy.later.predictor.register_forward_pre_hook(lambda *_: pytest.fail("ran"))
    policy.later.target.average.register_forward_pre_hook(lambda *_: pytest.fail("ran"))
    policy.predict({"ee": torch.randn(2, 7).numpy(), "q": torch.randn(2, 2).numpy()})


def test_latents_that_have_become_alike_are_reported_once(spec, statistics, caplog):
    policy = make_policy(spec, statistics)
    same = torch.randn(1, 2, 16).expand(8, -1, -1)
    assert spread(torch.randn(500, 2, 16, generator=torch.Generator().manual_seed(0))) == pytest.approx(1, abs=0.05)
    with caplog.at_level(logging.WARNING):
        policy.later.target.watch(torch.randn(8, 2, 16))
        assert not caplog.text
        for _ in range(2):
            policy.later.target.watch(same[:, :1])
    assert caplog.text.count("have collapsed") == 1


@pytest.mark.parametrize("head", [GaussianConfig(width=16), JointConfig(width=16, momentum=0.9)], ids=lambda h: h.name)
def test_prediction_improves_by_training_with_any_head_and_does_not_collapse(spec, statistics, head):
    """Later observations follow from the newest: they are learnt, and the latents stay apart."""
    policy = make_policy(spec, statistics, head=head)
    optimizer = torch.optim.Adam([p for p in policy.parameters() if p.requires_grad], lr=3e-3)
    batch = make_batch(64)
    for name in ("ee", "q"):
        batch[f"future.{name}"] = batch[name][:, -1:].expand(-1, 4, -1)

    def error():
        with torch.no_grad():
            return policy.later.loss(policy.encoder(batch), policy.later.latents(batch), batch["action_mask"]).item()

    first = error()
    for _ in range(150):
        loss = policy.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.after_update()
    assert error() < 0.5 * first
    assert spread(policy.later.latents(batch)) > 0.5


def test_training_asks_for_later_observations_only_where_they_are_used():
    assert PolicyConfig().future(("ee", "q")) == ()
    assert PolicyConfig(auxiliary=PREDICT).future(("ee", "q")) == ("ee", "q")
    assert PolicyConfig(head=JointConfig()).future(("ee", "q")) == ("ee", "q")
    goal = PolicyConfig(observation=("ee", "q"), goal=("q",), auxiliary=PREDICT)
    assert goal.future(("ee", "q")) == ("ee",)
    assert PolicyConfig.from_dict(goal.to_dict()) == goal


def test_unusable_settings_are_refused_by_name():
    for options in ({"latents": -1}, {"ahead": 0}, {"momentum": 1.0}):
        with pytest.raises(ValueError, match=f"auxiliary: {next(iter(options))} is"):
            AuxiliaryConfig(**options)
