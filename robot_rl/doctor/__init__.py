"""What `robot-rl doctor` looks at: small checks, each with what to do when it fails."""
