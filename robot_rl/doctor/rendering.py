"""Does MuJoCo really render here, and how fast?"""

from __future__ import annotations

import importlib.util
import os

from robot_rl.doctor.check import Finding
from robot_rl.doctor.probe import ProbeError, result, start

_CODE = """
import json, time
import mujoco
model = mujoco.MjModel.from_xml_string('''<mujoco><visual><quality offsamples="0"/></visual><worldbody>
  <light pos="0 0 3"/><geom type="box" size=".2 .2 .2" rgba="1 0 0 1"/>
  <camera name="c" pos="0 -1.5 0" xyaxes="1 0 0 0 0 1"/></worldbody></mujoco>''')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 128, 128)
start = time.process_time()
for _ in range(10):
    renderer.update_scene(data, "c")
    image = renderer.render()
cost = (time.process_time() - start) / 10
center, corner = image[64, 64], image[0, 0]
red = int(center[0]) > 60 and int(center[0]) > 2 * int(max(center[1], center[2])) and int(corner[0]) < 60
print(json.dumps({"red": bool(red), "ms": cost * 1e3, "center": center.tolist()}))
"""


def check_rendering() -> list[Finding]:
    """A red box, drawn off screen, must come out red in the middle of the picture and dark in its corner."""
    if importlib.util.find_spec("mujoco") is None:
        return [Finding("rendering", "warn", "mujoco not installed", "pip install 'robot_rl[sim]'")]
    backend = os.environ.get("MUJOCO_GL", "egl")
    name = f"rendering ({backend})"
    remedy = "sudo apt install libegl1 libgl1-mesa-dri; or set MUJOCO_GL=osmesa after sudo apt install libosmesa6"
    try:
        seen = result(start("-c", _CODE, environment={"MUJOCO_GL": backend}), timeout=20)
    except ProbeError as error:
        return [Finding(name, "fail", str(error), remedy)]
    if not seen["red"]:
        return [Finding(name, "fail", f"a red box came out as {seen['center']}", remedy)]
    detail = f"a picture of 128x128 takes {seen['ms']:.1f} ms of CPU"
    return [Finding(name, "pass", detail, figures={"frame_cpu_ms": seen["ms"]})]
