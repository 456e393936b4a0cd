"""`ros2 launch robot_rl finetune.launch.py`: the description is finetune.launch.yaml beside this file."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    description = Path(__file__).with_name("finetune.launch.yaml")
    return LaunchDescription([IncludeLaunchDescription(AnyLaunchDescriptionSource(str(description)))])
