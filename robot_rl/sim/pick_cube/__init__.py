"""gym-hil's PandaPickCube: a Panda picks up a cube."""
