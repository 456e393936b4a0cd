"""Is what was recorded fit to learn from? `run.check` looks for what spoils data without anybody noticing.

`timing`, `pictures`, `numbers`, `commands` and `operators` hold the analyses (pure: arrays in, figures out), `rules`
turns their figures into findings, `run` goes through a data set, `render` prints.
"""
