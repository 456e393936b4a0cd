"""The same task as a gymnasium environment: Stable-Baselines3 trains on it unchanged, safety envelope included."""

from __future__ import annotations

import argparse

import gymnasium
from stable_baselines3 import PPO

import robot_rl.sim.environment  # noqa: F401 - registers robot_rl/Lift-v0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args()

    env = gymnasium.make("robot_rl/Lift-v0")
    print(f"observation {env.observation_space}\naction {env.action_space}")
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=2, device="cpu", seed=0)
    model.learn(options.steps)

    observation, _ = env.reset(seed=1000)
    action, _ = model.predict(observation, deterministic=True)
    _, reward, _, _, info = env.step(action)
    print(f"after {model.num_timesteps} steps: reward {reward}, sent to the robot {info['executed_action'].round(3)}")
    env.close()


if __name__ == "__main__":
    main()
