import pytest
import torch

from robot_rl.policies.chunks import hold_last, masked_mean
from robot_rl.policies.flow import FlowConfig, draw_times, euler, heun, interpolate
from robot_rl.policies.heads import head_config, head_dict


def test_path_and_velocity_are_hand_worked():
    x0, x1 = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[3.0, -2.0], [4.0, 8.0]])
    x_t, v = interpolate(x0, x1, torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(x_t, torch.tensor([[1.5, 1.0], [2.0, 4.0]]))
    torch.testing.assert_close(v, torch.tensor([[2.0, -4.0], [4.0, 8.0]]))


def test_euler_of_dx_dt_equal_t_in_four_steps_is_three_eighths():
    out = euler(lambda x, t: t[:, None].expand_as(x), torch.zeros(2, 1), 4)  # (0 + 1/4 + 2/4 + 3/4) / 4
    torch.testing.assert_close(out, torch.full((2, 1), 0.375))


def test_euler_of_exponential_decay_is_the_product_of_its_factors():
    out = euler(lambda x, t: -x, torch.ones(1, 1), 5)
    assert out.item() == pytest.approx(0.8**5)


def test_heun_is_exact_or_of_second_order_but_for_its_last_step():
    out = heun(lambda x, t: t[:, None].expand_as(x), torch.zeros(2, 1), 3)  # (2/3)^2 / 2, then 2/3 for 1/3
    torch.testing.assert_close(out, torch.full((2, 1), 4 / 9))
    assert heun(lambda x, t: -x, torch.ones(1, 1), 5).item() == pytest.approx((1 - 0.2 + 0.02) ** 4 * 0.8)


@pytest.mark.parametrize(("solver", "steps"), [("euler", 1), ("euler", 30), ("heun", 4)])
def test_a_sample_that_is_known_is_reached(monkeypatch, solver, steps):
    head = FlowConfig(width=16, sampling_steps=steps, solver=solver).build(1, 2, 3)
    monkeypatch.setattr(head.network, "forward", lambda x, t, context: torch.full_like(x, 0.5))
    torch.testing.assert_close(head.sample(torch.zeros(4, 3)), torch.full((4, 2, 1), 0.5))


@pytest.mark.parametrize(("name", "mean"), [("uniform", 0.5), ("logit_normal", 0.5), ("beta", 0.4)])
def test_times_have_the_mean_of_their_distribution(name, mean):
    # E[Beta(1.5, 1)] = 1.5 / 2.5 = 0.6, so 1 - it has mean 0.4
    t = draw_times(40_000, name, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert t.min() >= 0 and t.max() <= 1
    assert t.mean().item() == pytest.approx(mean, abs=0.005)


def test_hold_last_repeats_the_last_valid_action():
    chunk = torch.arange(8.0).reshape(2, 4, 1)
    mask = torch.tensor([[True, True, False, False], [False] * 4])
    assert hold_last(chunk, mask)[..., 0].tolist() == [[0, 1, 1, 1], [0, 0, 0, 0]]


def test_masked_mean_counts_valid_steps_only():
    error = torch.tensor([[[1.0, 3.0], [100.0, 100.0]], [[4.0, 4.0], [6.0, 0.0]]])
    mask = torch.tensor([[True, False], [True, True]])
    assert masked_mean(error, mask).item() == pytest.approx((2 + 4 + 3) / 3)


def test_padded_steps_change_neither_the_loss_nor_its_gradient():
    torch.manual_seed(0)
    head = FlowConfig(width=32).build(2, 4, 3)
    mask = torch.tensor([[True, True, False, False], [True, False, False, False]])
    context, chunk = torch.randn(2, 3), torch.randn(2, 4, 2)
    other = torch.where(mask[..., None], chunk, torch.full_like(chunk, 1e3))
    results = []
    for c in (chunk, other):
        c = c.clone().requires_grad_()
        loss = head.loss(c, mask, context, torch.Generator().manual_seed(1))
        gradients = torch.autograd.grad(loss, [c, *head.parameters()])
        results.append((loss.detach(), *gradients))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    assert torch.all(results[0][1][~mask] == 0)
    assert results[0][1][mask].abs().sum() > 0


def test_a_predicted_chunk_stands_for_the_velocity_to_it(monkeypatch):
    """From x at t = 1/2, the chunk 1 away: velocity 2. At t = 1, where nothing is left, the least share divides."""
    head = FlowConfig(width=16).build(1, 2, 3)
    monkeypatch.setattr(head.network, "forward", lambda x, t, context: x + 1)
    x = torch.zeros(2, 2, 1)
    v = head._velocity(x, torch.tensor([0.5, 1.0]), torch.zeros(2, 3))
    torch.testing.assert_close(v[:, 0, 0], torch.tensor([2.0, 100.0]))


@pytest.mark.parametrize("prediction", ["sample", "velocity"])
def test_a_network_that_is_always_right_leaves_nothing_to_learn(monkeypatch, prediction):
    """All chunks are 1/2: from x at t the sample is 1/2, and the velocity (1/2 - x) / (1 - t)."""
    chunk, mask = torch.full((3, 2, 1), 0.5), torch.ones(3, 2, dtype=torch.bool)
    head = FlowConfig(width=16, prediction=prediction).build(1, 2, 3)

    def right(x, t, context):
        return torch.full_like(x, 0.5) if prediction == "sample" else (0.5 - x) / (1 - t)[:, None, None]

    monkeypatch.setattr(head.network, "forward", right)
    assert head.loss(chunk, mask, torch.zeros(3, 3), torch.Generator().manual_seed(0)).item() < 1e-8
    monkeypatch.setattr(head.network, "forward", lambda *inputs: right(*inputs) + 0.1)
    assert head.loss(chunk, mask, torch.zeros(3, 3), torch.Generator().manual_seed(0)).item() == pytest.approx(0.01)


@pytest.mark.parametrize("prediction", ["sample", "velocity"])
@pytest.mark.parametrize(("solver", "steps"), [("euler", 10), ("heun", 5)])
def test_flow_hits_both_modes_of_a_bimodal_toy_and_little_between(learn_toy, solver, steps, prediction):
    toy = learn_toy(FlowConfig(width=64, sampling_steps=steps, solver=solver, prediction=prediction))
    assert 0.4 < toy.right < 0.6
    assert toy.near > 0.93
    assert toy.whole > 0.97, "both actions of a chunk belong to the same mode"


def test_a_sample_is_a_function_of_its_noise():
    head = FlowConfig(width=16).build(2, 3, 4)
    context, noise = torch.randn(2, 4), torch.randn(2, 3, 2)
    assert torch.equal(head.sample(context, noise), head.sample(context, noise))


def test_head_configuration_survives_its_dictionary_and_names_the_nearest_when_wrong():
    config = FlowConfig(width=32, time="beta")
    assert head_config(head_dict(config)) == config
    with pytest.raises(ValueError, match=r"no policy head 'flwo'\. Did you mean 'flow'"):
        head_config({"name": "flwo"})
    with pytest.raises(ValueError, match=r"unknown option 'widht'\. Did you mean 'width'"):
        head_config({"name": "flow", "widht": 3})
