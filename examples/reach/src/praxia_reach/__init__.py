"""Reach: a point robot must reach the disc of the colour that the instruction names. An example of an outside package.

Coordinates: x to the right and y up, as the camera above sees them, in metres, within [-1, 1].
"""
