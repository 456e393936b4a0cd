"""ROS 2 nodes around `robot_rl.runtime`: the only place that imports rclpy.

Each node is parameters, publishers, subscribers and calls into the package. `topics` names every
topic, `codecs` turns named fields into standard messages and back.
"""
