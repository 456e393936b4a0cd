"""Learning on real robots: teleoperate, record, train, deploy, intervene, fine-tune."""

__version__ = "0.1.0"
