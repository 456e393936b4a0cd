"""What to say and do where there is no policy of a name."""

from __future__ import annotations

from pathlib import Path

from robot_rl import workspace

MAKERS = {
    "train.yaml": "robot-rl train --recipe {} --dataset ...",
    "finetune.yaml": "robot-rl finetune --recipe {} --dataset ...",
}
"""The kinds of recipe, by their file, and the command that makes a policy of one."""


def why_absent(path: Path) -> str:
    """One line: the recipe of that name has made none yet, or there is nothing of that name."""
    if str(path).startswith(("http:", "https:")):
        return f"'{path}' is no policy: the address of a server begins with ws://, as in ws://gpu-box:8000"
    recipes = {file: workspace.names("policies", file) for file in MAKERS}
    for file, command in MAKERS.items():
        if str(path) in recipes[file]:
            return f"recipe '{path}' has made no policy yet: {command.format(path)}"
        if (path / file).is_file():
            return f"'{path}' has made no policy yet: {command.format(path / file)}"
    known = {name for names in recipes.values() for name in names}
    return f"no policy at '{path}', and no recipe of that name.{workspace.did_you_mean(path.name, known)}"
