"""Scripted people: they see a reading and move an input device, in place of a person."""
