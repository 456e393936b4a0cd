"""Statistics of relative actions, from recorded episodes to the policy's normaliser."""

import numpy as np
import pytest

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.data import load_data
from robot_rl.policies.checkpoint import torch_device
from robot_rl.policies.config import PolicyConfig
from robot_rl.spec import Field, Layout, Spec

JOINT = Field("q", (1,), kind="joint_position", unit="rad")
SPEC = Spec("arm", 20.0, Layout((JOINT,)), Layout((Field("target", (1,), kind="joint_position", unit="rad"),)))


@pytest.fixture
def ramp(tmp_path):
    """Two episodes of 6 steps: at step t the joint is at 10 + t and is told 10 + t + 0.5."""
    with Dataset.create(tmp_path / "ramp", SPEC) as dataset:
        for _ in range(2):
            with dataset.new_episode() as writer:
                for t in range(6):
                    stamp = t * SPEC.period_ns
                    writer.add_sample(Sample("q", stamp, np.array([10.0 + t])))
                    nothing = np.full(1, np.nan)
                    command = np.array([10.5 + t])
                    writer.add_step(
                        Step(
                            stamp=stamp,
                            executed=command,
                            proposed=nothing,
                            human=nothing,
                            source=Source.HUMAN,
                            phase=Phase.DEMONSTRATION,
                        )
                    )
                writer.commit(True)
    return tmp_path / "ramp"


@pytest.mark.parametrize(
    ("word", "low", "high"), [("absolute", 10.5, 15.5), ("relative", 0.5, 2.5), ("delta", 0.5, 1.0)]
)
def test_they_are_of_the_rows_that_are_learned(ramp, word, low, high):
    """Chunks of 3: relative rows are 0.5, 1.5, 2.5; deltas are 0.5 and then 1 (padding would add 0)."""
    policy = PolicyConfig(n_obs=1, horizon=3, n_action_steps=1, action_representation=word)
    config = TrainConfig(dataset=(ramp,), policy=policy, holdout=0.0, select="all", batch=4)
    data = load_data(config, torch_device("cpu"))
    data.train.close()
    found = data.statistics["action"]
    assert (found.minimum[0], found.maximum[0]) == pytest.approx((low, high), abs=1e-6)
