"""Ways to improve a policy online, one a file. `improver` says what they have in common and finds them by name."""
