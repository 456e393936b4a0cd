"""The jobs of `robot-rl reward`."""
