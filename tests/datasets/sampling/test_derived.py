import numpy as np
import pytest

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.derived import Derived

PICTURES = np.arange(2 * 3 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 3)


def brightness(pictures):
    return pictures.mean(axis=(1, 2, 3), dtype=np.float32)[:, None]


def test_a_row_is_what_the_function_makes_of_a_picture():
    what = Derived("brightness", (1,), "float32", brightness)
    assert what.row_bytes == 4
    np.testing.assert_array_equal(what.of(PICTURES), [[13], [40]])


@pytest.mark.parametrize(("shape", "dtype"), [((2,), "float32"), ((1,), "float16")])
def test_results_that_are_not_as_told_are_refused(shape, dtype):
    with pytest.raises(DatasetError, match=r"is float32 \(2, 1\), not as told"):
        Derived("brightness", shape, dtype, brightness).of(PICTURES)
