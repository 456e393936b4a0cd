"""Camera drivers, and the watch over them that reconnects and says when frames stop, freeze or drop.

In robot.yaml a camera has a `driver`, `width`, `height`, `fps`, `depth`, and `options`:

    opencv      source (device index, URL or video file), loop, resize, fourcc, calibration, fov
    realsense   serial
    mujoco      camera (its name in the scene)
    any         watch: {stop_after, freeze_after, backoff, longest_backoff}, all in seconds

    cameras:
      front: {driver: opencv, width: 640, height: 480, fps: 30,
              options: {source: 0, fourcc: MJPG, calibration: hardware/my_arm/front.yaml}}
      wrist: {driver: realsense, width: 640, height: 480, fps: 30, depth: true, options: {serial: "123622270510"}}

`registry.make_camera(config)` makes one; `watch.WatchedCamera(lambda: make_camera(config), config)` keeps it alive.
"""
