"""Networks that heads are made of: layers, and denoisers of action chunks that can stand in for one another."""
