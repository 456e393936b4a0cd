"""Reward classifiers over recorded episodes: collecting, training, mining, relabelling, the report."""
