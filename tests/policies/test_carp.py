"""The coarse-to-fine head: its quantiser and its masks by hand, and that it learns."""

import math

import pytest
import torch

from robot_rl.policies.carp import CarpConfig
from robot_rl.policies.networks.next_scale import block_causal
from robot_rl.policies.networks.resampling import down, token_mask, up
from robot_rl.policies.networks.residual_quantizer import ResidualQuantizer

SMALL = CarpConfig(width=32, depth=1, condition=16, codes=16, channels=32)


def column(*numbers):
    """A sequence (1, T, 1)."""
    return torch.tensor(numbers, dtype=torch.float32)[None, :, None]


@pytest.fixture
def quantizer():
    """Scales 1, 2 and 4 of a sequence of 4 numbers; codes -1, 0, 0.25 and 2."""
    out = ResidualQuantizer((1, 2, 4), 4, 1, 4)
    with torch.no_grad():
        out.book.copy_(torch.tensor([[-1.0], [0.0], [0.25], [2.0]]))
    return out


def test_a_sequence_is_averaged_down_and_interpolated_up_between_the_middles_of_tokens():
    assert down(column(1, 3, 5, 9), 2).flatten().tolist() == [2, 7]
    assert up(column(0, 4), 4).flatten().tolist() == [0, 1, 3, 4]
    assert up(column(3), 4).flatten().tolist() == [3, 3, 3, 3]
    assert down(column(1, 2, 3), 3).flatten().tolist() == [1, 2, 3]


def test_each_scale_explains_what_is_left_of_the_coarser_ones(quantizer):
    # mean 1.75 -> 2; left -3 -1 1 2 -> means -2 and 1.5 -> -1 and 2, spread to -1 -0.25 1.25 2; left -2 -0.75 -0.25 0
    quantized = quantizer.encode(column(-1, 1, 3, 4))
    assert [c.tolist() for c in quantized.codes] == [[[3]], [[0, 3]], [[0, 0, 1, 1]]]
    assert [r.flatten().tolist() for r in quantized.residuals] == [[1.75], [-2, 1.5], [-2, -0.75, -0.25, 0]]
    assert [q.flatten().tolist() for q in quantized.partial] == [
        [2, 2, 2, 2],
        [1, 1.75, 3.25, 4],
        [0, 0.75, 3.25, 4],
    ]
    torch.testing.assert_close(sum(quantizer.spread(c) for c in quantized.codes), quantized.partial[-1])


def test_the_quantisers_loss_is_hand_worked_and_moves_encoder_and_codes_apart(quantizer):
    features = column(-1, 1, 3, 4).requires_grad_()
    mask = torch.ones(1, 4, dtype=torch.bool)
    loss = quantizer.loss(features, quantizer.encode(features), mask, commitment=0.5)
    errors = [[3, 1, 1, 2], [2, 0.75, 0.25, 0], [1, 0.25, 0.25, 0]]
    # code 0.25 alone is unused; the nearest residual to it is 0
    want = 1.5 * sum(sum(e * e for e in row) / 4 for row in errors) / 3 + 0.25**2
    assert loss.item() == pytest.approx(want)
    loss.backward()
    signed = [sum(row[t] for row in ([-3, -1, 1, 2], [-2, -0.75, -0.25, 0], [-1, 0.25, -0.25, 0])) for t in range(4)]
    torch.testing.assert_close(features.grad, column(*[0.5 * 2 * s / 12 for s in signed]))
    assert quantizer.book.grad[2].item() == pytest.approx(2 * 0.25), "only the pull towards 0 moves the unused code"


def test_a_code_that_no_valid_token_uses_moves_to_where_it_is_used(quantizer):
    with torch.no_grad():
        quantizer.book[2] = 50.0
    x = 0.3 + 0.02 * torch.randn(64, 4, 1, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(64, 4, dtype=torch.bool)
    optimizer = torch.optim.SGD([quantizer.book], lr=0.3)
    assert not any((c == 2).any() for c in quantizer.encode(x).codes)
    for _ in range(100):
        optimizer.zero_grad()
        quantizer.loss(x, quantizer.encode(x), mask, 0.25).backward()
        optimizer.step()
    assert any((c == 2).any() for c in quantizer.encode(x).codes)


def test_padding_counts_in_none_of_the_parts_of_the_loss():
    torch.manual_seed(0)
    head = SMALL.build(1, 4, 1)
    mask = torch.tensor([[True, True, False, False]])
    assert token_mask(mask, 1).tolist() == [[True]] and token_mask(mask, 2).tolist() == [[True, False]]
    assert torch.equal(token_mask(mask, 4), mask)
    x, context = torch.randn(1, 4, 1), torch.zeros(1, 1)
    features = head.encode(x)
    quantized = head.quantizer.encode(features)
    nats = head.code_loss(quantized, mask, context).item()
    assert nats == pytest.approx(math.log(16), rel=0.2)  # an untrained guess among 16 codes
    changed = [c.clone() for c in quantized.codes]
    changed[1][:, 1], changed[2][:, 2:] = 5, 5
    masked = type(quantized)(tuple(changed), quantized.partial, quantized.residuals)
    assert head.code_loss(masked, mask, context).item() == nats
    changed[1][:, 0] = (changed[1][:, 0] + 1) % 16
    assert head.code_loss(masked, mask, context).item() != nats
    shifted = features + torch.tensor([0.0, 0.0, 3.0, 3.0])[None, :, None]
    terms = [head.quantizer.loss(f, quantized, mask, 0.25).item() for f in (features, shifted)]
    assert terms[0] == pytest.approx(terms[1], rel=1e-6)


def test_a_token_sees_its_own_scale_and_coarser_ones_alone():
    assert block_causal((1, 2)).tolist() == [[True, False, False], [True, True, True], [True, True, True]]
    torch.manual_seed(0)
    network = SMALL.build(1, 4, 1).transformer
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    explained, context = torch.randn(1, 7, 8), torch.zeros(1, 1)
    before = network(explained, context)
    explained[:, 3:] += 1.0
    after = network(explained, context)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3:] - after[:, 3:]).abs().min(dim=-1).values.max() > 0
    torch.testing.assert_close(network(explained[:, :3], context), after[:, :3])


def test_it_learns_two_modes_settled_by_the_coarsest_token(learn_toy):
    toy = learn_toy(SMALL, 300, horizon=4, n=64)
    assert 0.4 < toy.right < 0.6 and toy.near > 0.97 and toy.whole > 0.98
    chunks = torch.tensor([[-1.0], [1.0]]).expand(2, 4)[..., None]
    quantized = toy.head.quantizer.encode(toy.head.encode(chunks))
    torch.testing.assert_close(toy.head.decode(quantized.partial[-1]), chunks, atol=0.15, rtol=0)
    assert quantized.codes[0][0] != quantized.codes[0][1]
    assert torch.cat([c.flatten() for c in quantized.codes]).unique().numel() > 2


def test_temperature_zero_takes_the_likeliest_codes():
    torch.manual_seed(0)
    head = CarpConfig(width=32, depth=1, codes=16, temperature=0).build(2, 5, 3)
    context = torch.randn(2, 3)
    assert head.scales == (1, 2, 4, 5)
    assert torch.equal(head.sample(context), head.sample(context))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": (1, 4, 2)}, "scales are .*must increase"),
        ({"width": 30}, "width 30 does not divide into 4"),
        ({"codes": 1}, "codes is 1; at least 2"),
        ({"temperature": -1.0}, "temperature -1"),
        ({"depth": 0}, "depth is 0"),
    ],
)
def test_a_wrong_setting_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CarpConfig(**options)


def test_scales_that_do_not_end_with_the_horizon_are_refused():
    with pytest.raises(ValueError, match="the last one must be the horizon, 16"):
        CarpConfig(scales=(1, 4)).build(1, 16, 1)
