"""HIL-SERL's SAC on the state networks of benchmarks/online.py; run by its own interpreter, prints CPU seconds as JSON.

An update is what its learner does at critic-to-actor ratio 2: a step of the critics, then one of critics, actor and
temperature, each on a batch half of which comes from the demonstrations' buffer. The networks are those measured on
our side: one trained layer on the state for actor and critics (as in its own code for pictures, the actor's loss does
not train it), two critics and an actor of 256 x 2 with layer normalisation. One difference cannot be set: its critics
share their last layer.

<python with jax and HIL-SERL's serl_launcher> benchmarks/peers/hilserl_sac.py 20
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from functools import partial
from types import ModuleType
from typing import Any

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}"
os.environ["JAX_PLATFORMS"] = "cpu"
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # XLA's threads, of which one computes, on one core

import distrax  # noqa: E402, F401  these two look for tensorflow, and must not find the stand-in below
import flax.linen as nn  # noqa: E402
import flax.training.checkpoints  # noqa: E402, F401
import gymnasium as gym  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

BATCH, STATE, ACTION, ROWS, WIDTH = 256, 9, 7, 300, 256
UNUSED = ("tensorflow", "wandb", "imageio", "requests", "tqdm", "matplotlib", "matplotlib.pyplot")
"""Packages that serl_launcher imports and an update does not use."""


def stand_in(name: str) -> None:
    """An empty module where a package is missing."""
    try:
        importlib.import_module(name)
    except ImportError:
        module: Any = ModuleType(name)
        module.Tensor, module.tqdm = np.ndarray, None
        sys.modules[name] = module


for package in UNUSED:
    stand_in(package)

from serl_launcher.agents.continuous.sac import SACAgent  # noqa: E402
from serl_launcher.data.replay_buffer import ReplayBuffer  # noqa: E402
from serl_launcher.networks.actor_critic_nets import Critic, Policy, ensemblize  # noqa: E402
from serl_launcher.networks.lagrange import GeqLagrangeMultiplier  # noqa: E402
from serl_launcher.networks.mlp import MLP  # noqa: E402
from serl_launcher.utils.train_utils import concat_batches  # noqa: E402


class StateEncoder(nn.Module):  # type: ignore[misc]
    """Its layer on the robot's state, as its EncodingWrapper has it, without pictures beside."""

    @nn.compact
    def __call__(self, observations: Any, train: bool = False, stop_gradient: bool = False) -> Any:
        x = nn.Dense(WIDTH, kernel_init=nn.initializers.xavier_uniform())(observations["state"])
        x = nn.tanh(nn.LayerNorm()(x))
        return jax.lax.stop_gradient(x) if stop_gradient else x


def make_agent(sample: dict[str, Any]) -> Any:
    """Its agent with the settings of its launcher, on states."""
    encoder = StateEncoder()
    network = {
        "activations": nn.relu,
        "use_layer_norm": True,
        "hidden_dims": [WIDTH, WIDTH],
        "activate_final": True,
    }
    ensemble = ensemblize(partial(MLP, **network), 2)(name="critic_ensemble")
    return SACAgent.create(
        jax.random.PRNGKey(0),
        sample["observations"],
        sample["actions"],
        actor_def=Policy(
            encoder=encoder,
            network=MLP(**network),
            action_dim=ACTION,
            tanh_squash_distribution=True,
            std_parameterization="exp",
            std_min=1e-5,
            std_max=5,
            name="actor",
        ),
        critic_def=Critic(encoder=encoder, network=ensemble, name="critic"),
        temperature_def=GeqLagrangeMultiplier(
            init_value=1e-2, constraint_shape=(), constraint_type="geq", name="temperature"
        ),
        critic_ensemble_size=2,
        discount=0.97,
        image_keys=("state",),
    )


def filled() -> Any:
    """Its replay with random steps."""
    rng = np.random.default_rng(0)
    box = gym.spaces.Box(-np.inf, np.inf, (STATE,), np.float32)
    out = ReplayBuffer(gym.spaces.Dict({"state": box}), gym.spaces.Box(-1, 1, (ACTION,), np.float32), ROWS)
    for _ in range(ROWS):
        now, after = ({"state": rng.normal(size=STATE).astype(np.float32)} for _ in range(2))
        action = rng.uniform(-1, 1, ACTION).astype(np.float32)
        row = {"observations": now, "next_observations": after, "actions": action}
        out.insert(row | {"rewards": 0.0, "masks": 1.0, "dones": False})
    return out


def main(repeats: int) -> None:
    buffers = [filled().get_iterator(sample_args={"batch_size": BATCH // 2}) for _ in range(2)]

    def batch() -> Any:
        return concat_batches(next(buffers[0]), next(buffers[1]), axis=0)

    agent = jax.device_put(jax.tree_util.tree_map(jnp.array, make_agent(batch())))
    critics, everything = frozenset({"critic"}), frozenset({"critic", "actor", "temperature"})
    times = []
    for i in range(repeats + 3):
        start = time.process_time()
        agent, _ = agent.update(batch(), networks_to_update=critics)
        agent, _ = agent.update(batch(), networks_to_update=everything)
        jax.block_until_ready(agent.state.params)
        if i >= 3:  # the first ones compile
            times.append(time.process_time() - start)
    numbers = sum(p.size for p in jax.tree_util.tree_leaves(agent.state.params))
    print(json.dumps({"seconds": times, "parameters": int(numbers), "version": jax.__version__}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
