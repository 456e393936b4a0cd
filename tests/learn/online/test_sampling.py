"""What a batch is made of: every one of them holds its share of demonstrations, whatever the replay holds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.datasets.record import Phase, Source
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sampling import Sampling
from robot_rl.learn.online.scale import ActionScale


@pytest.mark.parametrize(("share", "human"), [(0.5, 32), (0.25, 16), (0.0, 0), (1.0, 64)])
def test_every_batch_holds_its_share_of_demonstrations(point: SimpleNamespace, share: float, human: int) -> None:
    replay = Replay(200, {"state": ((1,), "float32")}, 2, 1)
    for name, count in (("demonstration", 5), ("online", 100)):
        replay.begin(name)
        shown = name == "demonstration"
        who = {"source": Source.HUMAN, "phase": Phase.DEMONSTRATION} if shown else {}
        for t in range(count):
            replay.add({"state": np.zeros(1, np.float32)}, point.step(t, **who), t)
        replay.finish({"state": np.zeros(1, np.float32)})
    rng, sampling = np.random.default_rng(0), Sampling(share, "task")
    for _ in range(3):
        batch = sampling.draw(replay, rng, 64, 0.9, ActionScale(point.spec.action), torch.device("cpu"))
        assert int(batch.human.sum()) == human
