"""Tabletop: a procedural world of primitive shapes in MuJoCo where the instruction decides what is to be done.

Frame of everything: x to the right and y away as the front camera sees it, z up; z = 0 is the nominal table top.
"""
