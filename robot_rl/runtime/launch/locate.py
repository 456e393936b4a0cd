"""Where launch files, shared files and executables of a package lie, with or without a ROS 2 installation.

robot_rl itself is found in the checkout that this package runs from, then in this Python's prefix (what the
wheel installed); it and any other package are found in the prefixes of `$AMENT_PREFIX_PATH`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from robot_rl.runtime.launch.description import LaunchError
from robot_rl.workspace import did_you_mean

PACKAGE = "robot_rl"
_CHECKOUT = Path(__file__).resolve().parents[3] / "ros2_ws" / "src" / PACKAGE


def _in_checkout(package: str) -> bool:
    return package == PACKAGE and (_CHECKOUT / "package.xml").is_file()


def _prefixes() -> list[Path]:
    ament = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [Path(sys.prefix), *(Path(p) for p in ament if p)]


def share(package: str) -> Path:
    """The package's `share` folder. Raises LaunchError where the package is not installed."""
    if _in_checkout(package):
        return _CHECKOUT
    for prefix in _prefixes():
        if (found := prefix / "share" / package).joinpath("package.xml").is_file():
            return found
    raise LaunchError(
        f"package '{package}' is not found in {', '.join(str(p) for p in _prefixes())}. "
        "Install it, or source the workspace it is in."
    )


def executable(package: str, name: str) -> Path:
    """The program `lib/<package>/<name>`. Raises LaunchError naming the nearest one where there is none."""
    if _in_checkout(package):
        folder = _CHECKOUT / "scripts"
    else:
        folder = share(package).parents[1] / "lib" / package
    found = folder / name
    if not found.is_file():
        raise LaunchError(f"no executable '{name}' in {folder}.{did_you_mean(name, _programs(folder))}")
    if not os.access(found, os.X_OK):
        raise LaunchError(f"{found} is not executable: run `chmod +x {found}`")
    return found


def _programs(folder: Path) -> list[str]:
    return [p.name for p in folder.glob("*") if os.access(p, os.X_OK)]


def launch_file(name_or_path: str | Path) -> Path:
    """The `*.launch.yaml` meant by a path, or by a name such as `teleop`.

    Raises LaunchError naming the nearest one where there is none.
    """
    given = str(name_or_path)
    if os.sep in given or given.endswith((".yaml", ".yml")):
        path = Path(given)
        if not path.is_file():
            raise LaunchError(f"no launch file {path}")
        return path.resolve()
    folder = share(PACKAGE) / "launch"
    path = folder / f"{given.removesuffix('.launch')}.launch.yaml"
    if not path.is_file():
        known = [p.name.removesuffix(".launch.yaml") for p in folder.glob("*.launch.yaml")]
        raise LaunchError(f"no launch description '{given}'.{did_you_mean(given, known)}")
    return path
