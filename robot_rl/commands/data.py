"""Look after a data set: check, report, edit and repair it.

Every edit says what it will do and asks (--yes: does not), happens wholly or not at all, and can be undone until the
data set is compacted.

Examples:
  robot-rl data check lift
  robot-rl data report lift
  robot-rl data delete lift --episodes 3 7-9
  robot-rl data relabel lift --episodes 12 --operator anna
  robot-rl data relabel lift --episodes 4 --phase correction --steps 40:62
  robot-rl data trim lift --episode 5 --steps 10:80
  robot-rl data split lift --episode 6 --at 55
  robot-rl data merge lift --sources lift_monday lift_tuesday
  robot-rl data rename lift --old wrist --new hand
  robot-rl data undo lift
  robot-rl data verify lift
  robot-rl data salvage lift --drop
"""

from __future__ import annotations

from typing import Annotated

from tyro.conf import subcommand

from robot_rl.commands.data_jobs.check import Check
from robot_rl.commands.data_jobs.divide import Split, Trim
from robot_rl.commands.data_jobs.history import Compact, Log, Undo
from robot_rl.commands.data_jobs.merge import Merge
from robot_rl.commands.data_jobs.relabel import Relabel
from robot_rl.commands.data_jobs.remove import Delete, Keep
from robot_rl.commands.data_jobs.rename import Rename
from robot_rl.commands.data_jobs.report import Report
from robot_rl.commands.data_jobs.salvage import Salvage
from robot_rl.commands.data_jobs.stats import Stats
from robot_rl.commands.data_jobs.verify import Verify

Options = (
    Annotated[Check, subcommand("check")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Verify, subcommand("verify")]
    | Annotated[Salvage, subcommand("salvage")]
    | Annotated[Delete, subcommand("delete")]
    | Annotated[Keep, subcommand("keep")]
    | Annotated[Relabel, subcommand("relabel")]
    | Annotated[Trim, subcommand("trim")]
    | Annotated[Split, subcommand("split")]
    | Annotated[Merge, subcommand("merge")]
    | Annotated[Rename, subcommand("rename")]
    | Annotated[Stats, subcommand("stats")]
    | Annotated[Undo, subcommand("undo")]
    | Annotated[Compact, subcommand("compact")]
    | Annotated[Log, subcommand("log")]
)
"""What to do, with which data set."""


def run(options: Options) -> int:
    return options.run()
