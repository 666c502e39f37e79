"""Tabletop: procedural scenes of primitive shapes in MuJoCo, where the instruction decides what to do.

Coordinates: x to the right and y away as the front camera sees them, z up; z = 0 is the nominal table top.
"""
