"""A peer's process, asked for one measurement at a time so that both sides take turns."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "peers" / "lerobot_peer.py"


class Peer:
    """LeRobot under the Python at `python`."""

    def __init__(self, python: str, folder: Path, pictures: Path) -> None:
        libraries = tempfile.mkdtemp(dir=folder)
        _link_ffmpeg(Path(python), Path(libraries))
        path = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        environment = os.environ | {"LD_LIBRARY_PATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        environment |= {"SVT_LOG": "1", "HF_HOME": str(folder / "hf")}
        self.log = folder / "peer.log"
        self._process = subprocess.Popen(
            [python, SCRIPT, folder, pictures],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
            env=environment,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """The result of one command. Raises RuntimeError with the last lines of its log when the peer failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the peer failed at '{do}':\n{self.log.read_text()[-3000:]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)


def _link_ffmpeg(python: Path, folder: Path) -> None:
    """Plain names for the FFmpeg libraries inside the PyAV wheel, where torchcodec looks for them."""
    for library in (python.parent.parent / "lib").glob("python3.*/site-packages/av.libs/lib*.so.*"):
        name, _, number = library.name.partition(".so.")
        if name.partition("-")[0] in {f"lib{n}" for n in ("avcodec", "avdevice", "avfilter", "avformat", "avutil",
                                                          "swresample", "swscale")}:  # fmt: skip
            (folder / f"{name.partition('-')[0]}.so.{number.partition('.')[0]}").symlink_to(library)
