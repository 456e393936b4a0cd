"""The jobs of `robot-rl data`, one a file: each a frozen dataclass of options with `run() -> int`."""
