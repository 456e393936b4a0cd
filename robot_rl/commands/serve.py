"""Offer a policy to other computers over a WebSocket that speaks openpi's protocol.

The robot's computer then needs no torch: it deploys with `--checkpoint ws://HOST:PORT`. openpi's own client works too.
Other computers are let in only with a token, which travels in the clear: use a network you trust, or a tunnel.

Examples:
  robot-rl serve --checkpoint flow_lift
  ROBOT_RL_TOKEN=secret robot-rl serve --checkpoint flow_lift --host 0.0.0.0 --device cuda
  robot-rl serve --checkpoint flow_lift --samples 16
  ROBOT_RL_TOKEN=secret robot-rl deploy --checkpoint ws://gpu-box:8000 --robot sim_lift --execution rtc
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass

from robot_rl.commands.names import UsageError
from robot_rl.extras import require
from robot_rl.serving.protocol import TOKEN


@dataclass(frozen=True)
class Options:
    """Which policy, to whom."""

    checkpoint: str
    """A checkpoint's folder, a training run's folder, or a recipe (its newest run)."""
    host: str = "127.0.0.1"
    """Where to listen; 0.0.0.0 lets other computers in and needs a token."""
    port: int = 8000
    """0 picks a free one."""
    token: str = ""
    """What clients must show; better given in the environment as ROBOT_RL_TOKEN, where `ps` does not show it."""
    device: str = "cpu"
    """Where the policy computes: `cpu`, `cuda` or `auto`."""
    samples: int = 1
    """Chunks drawn for each observation, of which the policy's verifier chooses one (`robot-rl verifier`)."""


def run(options: Options) -> int:
    if not 0 <= options.port < 2**16:
        raise UsageError(f"--port {options.port}: a port lies between 0 and 65535")
    require("serve", "train")
    from robot_rl.policies import checkpoint
    from robot_rl.policies.modes import chunk_seconds, set_samples
    from robot_rl.serving.server import PolicyServer

    folder = checkpoint.resolve(options.checkpoint)
    policy, weights = checkpoint.load(folder, options.device), checkpoint.weights_digest(folder)
    set_samples(policy, options.samples)
    token = options.token or os.environ.get(TOKEN, "")
    server = PolicyServer(policy, options.host, options.port, token=token, weights=weights)
    milliseconds = 1e3 * chunk_seconds(policy)
    print(
        f"{options.checkpoint} for robot {policy.spec.robot} at ws://{server.host}:{server.port}: "
        f"{policy.horizon} actions at {policy.spec.rate:g} Hz in {milliseconds:.1f} ms",
        flush=True,
    )
    # From a thread: closing waits for the connections, which a signal handler in the serving thread would hold up.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.close).start())
    try:
        server.run()
    except KeyboardInterrupt:
        server.close()
    return 0
