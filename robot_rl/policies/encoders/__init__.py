"""From what a robot senses to one context vector: vectors, pictures, backbones, augmentation."""

from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.observation import ObservationEncoder

__all__ = ["EncoderConfig", "ObservationEncoder"]
