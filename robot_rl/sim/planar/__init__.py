"""Planar peg insertion: contact mechanics in numpy-free scalar maths, a Robot over it, a scene to draw."""
