"""Parts of the ROS benchmark `benchmarks/ros.py`; those with a `main` run as processes of their own."""
