"""A simulated quadrotor: published parameter sets, the MuJoCo scene, the on-board controller and the driver."""
