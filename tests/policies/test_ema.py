import pytest
import torch

from robot_rl.policies.ema import Ema, power_decay


def test_decay_follows_the_power_formula_up_to_its_maximum():
    assert power_decay(0) == 0.0
    assert power_decay(1) == pytest.approx(1 - 2**-0.75)
    assert power_decay(15) == pytest.approx(1 - 16**-0.75)  # 16^-0.75 = 1/8
    assert power_decay(15) == pytest.approx(0.875)
    assert power_decay(10**9) == 0.9999


def test_the_average_is_the_hand_worked_one():
    parameter = torch.nn.Parameter(torch.tensor([0.0]))
    ema = Ema([parameter], power=1.0)  # decay after update n: 1 - 1/(1 + n), so it averages all values
    for n, value in enumerate([3.0, 6.0, 9.0], start=1):
        parameter.data.fill_(value)
        ema.update([parameter], n)
    assert ema.averages[0].item() == pytest.approx((0 + 3 + 6 + 9) / 4)
    ema.copy_to([parameter])
    assert parameter.item() == pytest.approx(4.5)
