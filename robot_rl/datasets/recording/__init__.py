"""Recording an episode while the robot moves, and keeping what a killed process had recorded."""
