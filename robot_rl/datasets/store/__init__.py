"""How a data set lies on disk: arrays and pictures in files, the journal of episodes, the lock of its one writer."""
