"""Layers of an ensemble against the plain composition of the same operations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from robot_rl.learn.online.ensemble import EnsembleLayerNorm, EnsembleLinear, hidden_layer
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.pixels import Tanh


def layers(ensemble: int, inputs: int, outputs: int) -> tuple[EnsembleLinear, EnsembleLayerNorm]:
    torch.manual_seed(0)
    linear, norm = EnsembleLinear(ensemble, inputs, outputs).double(), EnsembleLayerNorm(ensemble, outputs).double()
    with torch.no_grad():
        norm.gain.normal_()
        norm.offset.normal_()
    return linear, norm


def plain(linear: EnsembleLinear, norm: EnsembleLayerNorm, parts: tuple[Tensor, ...]) -> Tensor:
    """The same by torch's own operations."""
    h = torch.cat(parts, dim=-1) @ linear.weight + linear.bias
    return torch.relu(norm.gain * functional.layer_norm(h, h.shape[-1:]) + norm.offset)


@pytest.mark.parametrize("shared", [True, False])
def test_a_hidden_layer_and_its_gradients_are_those_of_its_formula(shared: bool) -> None:
    linear, norm = layers(3, 6, 5)
    shape = (7,) if shared else (3, 7)
    parts = tuple(torch.randn(*shape, n, dtype=torch.float64, requires_grad=True) for n in (4, 2))
    wanted = [*parts, linear.weight, linear.bias, norm.gain, norm.offset]
    ours, theirs = hidden_layer(linear, norm, parts), plain(linear, norm, parts)
    torch.testing.assert_close(ours, theirs)
    slope = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, wanted, slope), torch.autograd.grad(theirs, wanted, slope), strict=True
    ):
        torch.testing.assert_close(mine, other)


def test_only_those_gradients_are_computed_that_are_wanted() -> None:
    linear, norm = layers(2, 5, 4)
    for layer in (linear, norm):
        layer.requires_grad_(False)
    state = torch.randn(3, 4, dtype=torch.float64)
    action = torch.randn(3, 1, dtype=torch.float64, requires_grad=True)
    hidden_layer(linear, norm, (state, action)).sum().backward()
    reference = action.detach().clone().requires_grad_(True)
    plain(linear, norm, (state, reference)).sum().backward()
    torch.testing.assert_close(action.grad, reference.grad)
    assert state.grad is None
    assert linear.weight.grad is None


def test_some_members_are_computed_as_among_all() -> None:
    linear, norm = layers(4, 3, 2)
    x, members = torch.randn(5, 3, dtype=torch.float64), torch.tensor([3, 1])
    torch.testing.assert_close(hidden_layer(linear, norm, (x,), members), hidden_layer(linear, norm, (x,))[members])


def test_a_single_output_is_the_matrix_product() -> None:
    linear = EnsembleLinear(3, 4, 1)
    x = torch.randn(3, 6, 4)
    torch.testing.assert_close(linear(x), x @ linear.weight + linear.bias)


def test_products_in_half_precision_give_nearly_the_same_values_and_weights_of_full_precision() -> None:
    torch.manual_seed(0)
    full, half = Critics(2, 5, (64, 64)), Critics(2, 5, (64, 64), bfloat16=True)
    half.load_state_dict(full.state_dict())
    state, action = torch.randn(32, 3), torch.randn(32, 2)
    torch.testing.assert_close(half(state, action), full(state, action), atol=0.02, rtol=0)
    slopes = []
    for critics in (full, half):
        critics(state, action).square().mean().backward()
        slopes.append(torch.cat([p.grad.flatten() for p in critics.parameters()]))
    assert slopes[1].dtype == torch.float32
    assert functional.cosine_similarity(*slopes, dim=0) > 0.99


def test_tanh_by_the_logistic_function_is_tanh() -> None:
    x = torch.linspace(-20, 20, 4001)
    torch.testing.assert_close(Tanh()(x), torch.tanh(x), atol=2e-7, rtol=0)
