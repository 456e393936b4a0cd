import numpy as np
import pytest
import torch

from robot_rl.policies.encoders.vectors import OBSERVATION_LIMIT, VectorFeatures
from robot_rl.policies.normalization import Normalizer, Statistics, affine
from robot_rl.spec import Field

DATA = np.array([[0.0, 5.0, -2.0], [4.0, 5.0, 2.0], [2.0, 5.0, 6.0]])


def test_range_maps_minimum_and_maximum_to_minus_one_and_one():
    normalizer = Normalizer(3).fit(Statistics.of(DATA), "range")
    out = normalizer(torch.tensor(DATA, dtype=torch.float32))
    np.testing.assert_allclose(out.numpy(), [[-1, 0, -1], [1, 0, 0], [0, 0, 1]], atol=1e-6)


def test_mean_std_gives_zero_mean_and_unit_deviation():
    out = Normalizer(3).fit(Statistics.of(DATA), "mean_std")(torch.tensor(DATA, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(0), [1, 0, 1], atol=1e-6)


@pytest.mark.parametrize("mode", ["range", "mean_std", "quantile", "none"])
def test_inverse_undoes_forward_for_every_mode(mode):
    normalizer = Normalizer(3).fit(Statistics.of(DATA), mode)
    x = torch.randn(50, 3) * 10
    torch.testing.assert_close(normalizer.inverse(normalizer(x)), x, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", ["range", "mean_std", "quantile"])
def test_sensor_noise_on_a_constant_dimension_is_not_amplified(mode):
    noisy = np.full((100, 1), 3.0) + np.linspace(-1e-5, 1e-5, 100)[:, None]
    offset, scale = affine(Statistics.of(noisy), mode)
    assert offset == pytest.approx([3.0], abs=1e-6)
    assert scale == pytest.approx([1.0])


def test_statistics_survive_json_exactly():
    a = Statistics.of(np.random.default_rng(0).normal(size=(7, 2)))
    b = Statistics.from_dict(a.to_dict())
    for key in ("minimum", "maximum", "mean", "std", "q01", "q99"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key))


def test_statistics_of_nan_name_the_row():
    bad = DATA.copy()
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match="row 1"):
        Statistics.of(bad)


def test_statistics_of_another_size_are_refused():
    with pytest.raises(ValueError, match="3 dimensions for a field of 2"):
        Normalizer(2).fit(Statistics.of(DATA), "range")


def test_quantile_maps_the_middle_98_percent_whatever_the_outliers():
    values = np.arange(101.0)[:, None]  # quantiles 1 and 99
    offset, scale = affine(Statistics.of(values), "quantile")
    assert offset == pytest.approx([50.0]) and scale == pytest.approx([49.0])
    values[100] = 1e3  # one reading in a hundred is far out: q99 stays
    offset, scale = affine(Statistics.of(values), "quantile")
    assert offset == pytest.approx([50.0]) and scale == pytest.approx([49.0])


def test_a_gripper_that_closes_once_in_a_thousand_steps_is_scaled_by_its_range():
    values = np.zeros((1000, 1))
    values[500] = 1.0  # both quantiles are 0
    normalizer = Normalizer(1).fit(Statistics.of(values), "quantile", rare_by_range=True)
    assert normalizer(torch.tensor([[0.0], [1.0]])).flatten().tolist() == [-1.0, 1.0]


def test_rare_jerks_do_not_blow_up_under_quantiles():
    values = np.linspace(-0.002, 0.002, 1000)[:, None]  # well above what counts as constant
    values[:5] = 0.5
    normalizer = Normalizer(1).fit(Statistics.of(values), "quantile", rare_by_range=True)
    out = normalizer(torch.tensor([[0.5]], dtype=torch.float32))
    assert out.abs().item() == pytest.approx(1.0, abs=0.01), "by quantiles it would be 250"


def test_a_spike_of_a_sensor_does_not_squeeze_its_readings_under_quantiles():
    force = np.random.default_rng(0).normal(0.0, 5.0, (10000, 1))
    force[17] = 1000.0
    features = VectorFeatures(Field("force", (1,)))
    features.fit(Statistics.of(force), "quantile")
    seen = features(torch.from_numpy(force).float())
    assert seen.std().item() > 0.3 and seen.max().item() == pytest.approx(OBSERVATION_LIMIT)


def test_statistics_without_quantiles_are_read_but_do_not_serve_for_them():
    old = {k: v for k, v in Statistics.of(DATA).to_dict().items() if not k.startswith("q")}
    statistics = Statistics.from_dict(old)
    np.testing.assert_array_equal(affine(statistics, "range")[0], [2, 5, 2])
    with pytest.raises(ValueError, match="have no quantiles"):
        affine(statistics, "quantile")


def test_the_first_dimensions_keep_their_statistics():
    part = Statistics.of(DATA).first(2)
    np.testing.assert_array_equal(part.maximum, [4, 5])
    np.testing.assert_array_equal(part.q99, Statistics.of(DATA).q99[:2])
