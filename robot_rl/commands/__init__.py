"""One short module a command of `robot-rl`: a frozen dataclass `Options` and `run(options) -> int`."""
