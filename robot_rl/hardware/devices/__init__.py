"""Input devices: readers of the raw device, and profiles that give its axes and buttons their meaning."""
