"""Actor and learner as separate processes: rows one way, parameters the other."""
