"""`ros2 launch robot_rl collect.launch.py`: the description is collect.launch.yaml beside this file."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    description = Path(__file__).with_name("collect.launch.yaml")
    return LaunchDescription([IncludeLaunchDescription(AnyLaunchDescriptionSource(str(description)))])
