"""What training reads: windows of steps, which of them, how often, and how fast they come from the disk."""
