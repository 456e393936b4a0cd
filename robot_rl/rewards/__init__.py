"""Rewards from pictures and people: classifiers, thresholds an episode can trust, progress, marks by key."""
