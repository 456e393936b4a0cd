"""The command line `robot-rl`: finds the command, reads its options, and turns errors into one line and an exit code.

Each command is a module of `robot_rl.commands` with a frozen dataclass `Options` and `run(options) -> int`; one may
have `defaults(arguments)` and `help_of(arguments)`, for what is named among them.
It is imported only when it is asked for, so that `robot-rl --help` is quick and works with the base
installation alone.

Exit codes: 0 done; 1 the job ran and its result is a failure; 2 wrong usage or input, or a missing extra;
130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

COMMANDS: dict[str, str] = {
    "launch": "start a launch description: the nodes of teleop, record, deploy, collect or finetune",
    "record": "record demonstrations, driven by a person or a scripted operator",
    "train": "train a policy from a data set",
    "deploy": "run a policy on a robot; a person may step in, and that is recorded",
    "finetune": "improve a policy by reinforcement while it acts; a person may step in",
    "tell": "say something to a running graph: start, success, failure, discard, undo, estop",
    "compare": "fine-tuning sessions beside each other: success, time, help, as a table and a picture",
    "evaluate": "measure a policy's success on held-out initial states, with a 95 % interval",
    "verifier": "train what chooses among several chunks of a policy, for --samples of deploy and evaluate",
    "replay": "send an episode's actions to the robot again and compare what it senses",
    "serve": "offer a policy to other computers over a WebSocket (openpi's protocol)",
    "view": "look at an episode in rerun: cameras, path, actions, phases",
    "info": "describe a data set, a robot or a policy",
    "data": "check, report, edit and repair a data set",
    "reward": "reward classifiers: collect, train, check, mine; labels given later by hand",
    "convert": "turn a data set into another project's format, or theirs into ours",
    "copy": "copy a data set to or from an object store (s3://...)",
    "doctor": "check this machine and say what to do about each failure",
    "demo": "the whole loop in simulation, ending in a report: record, train, intervene, retrain, evaluate",
}
"""Every command and what it does in one line, in the order in which a newcomer meets them."""

_EPILOG = """\
The main path, in simulation:
  robot-rl doctor
  robot-rl launch teleop robot:=sim_lift device:=gamepad
  robot-rl record --robot sim_lift --device scripted --episodes 40 --dataset lift
  robot-rl train --recipe flow_lift --dataset lift
  robot-rl deploy --checkpoint flow_lift --device scripted
  robot-rl evaluate --checkpoint flow_lift

`robot-rl COMMAND --help` lists a command's options with examples.
"""


def usage() -> str:
    """The text of `robot-rl --help`."""
    lines = ["usage: robot-rl COMMAND [options]", ""]
    lines += ["Learning on real robots, one loop from teleoperation to fine-tuning.", "", "commands:"]
    lines += [f"  {name:<10}{summary}" for name, summary in COMMANDS.items()]
    lines += ["", "options:", "  --help, --version", "  --verbose   log what happens inside (before the command)", ""]
    return "\n".join(lines) + "\n" + _EPILOG


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbose = bool(arguments) and arguments[0] in ("-v", "--verbose")
    if verbose:
        arguments.pop(0)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from robot_rl import __version__

        print(f"robot_rl {__version__}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        from robot_rl.workspace import did_you_mean

        return _fail(f"no command '{name}'.{did_you_mean(name, COMMANDS)}")
    return _guarded(name, rest)


def _guarded(name: str, arguments: list[str]) -> int:
    """Run a command; what is meant for the user becomes one line, what is a bug keeps its traceback."""
    try:
        return _run(name, arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `robot-rl info ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        from robot_rl.extras import explain

        if (line := explain(error)) is None:
            raise
        return _fail(line)
    except Exception as error:
        from robot_rl.extras import for_the_user

        if not for_the_user(error):
            raise
        return _fail(str(error))


def _run(name: str, arguments: list[str]) -> int:
    import tyro

    command = importlib.import_module(f"robot_rl.commands.{name}")
    asked = bool({"-h", "--help"} & set(arguments)) and hasattr(command, "help_of")
    if asked and (text := command.help_of(arguments)) is not None:  # of the one thing that is named with it
        print(text)
        return 0
    defaults = {"default": command.defaults(arguments)} if hasattr(command, "defaults") else {}
    options = tyro.cli(
        command.Options,
        args=arguments,
        prog=f"robot-rl {name}",
        description=command.__doc__,
        **defaults,
    )
    return int(command.run(options))


def _fail(message: str) -> int:
    print(f"robot-rl: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
