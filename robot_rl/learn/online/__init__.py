"""Learning while the robot acts: replay, critics, soft actor-critic from demonstrations, residuals on a frozen base."""
