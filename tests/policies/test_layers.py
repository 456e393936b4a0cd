import torch

from robot_rl.policies.networks.layers import Conditioned, mlp, preserve_variance


def test_numbers_of_unit_size_come_out_of_an_mlp_at_unit_size():
    torch.manual_seed(0)
    x = torch.randn(2000, 50)
    out = preserve_variance(mlp(50, 200, 200, 200))(x)
    assert 0.9 < out.std() < 1.1
    assert mlp(50, 200, 200, 200)(x).std() < 0.2, "with torch's own weights"


def test_the_context_is_heard_in_the_modulation_from_the_first_step_on():
    torch.manual_seed(0)
    network = Conditioned(64, 128)
    t = torch.full((500,), 0.3)
    by_context = network.modulation_vector(t, torch.randn(500, 128)).std(dim=0).mean()
    by_time = network.modulation_vector(torch.rand(500), torch.zeros(500, 128)).std(dim=0).mean()
    assert by_context > 2 * by_time
