"""Bimodal: a point robot must pass a round obstacle, left or right, and reach a goal behind it.

Both sides are equally good, so demonstrations pass on either, and the mean of the two runs into the obstacle. A policy
that predicts one action per observation fails here whatever its size; one that keeps both modes and commits succeeds.

Coordinates: x to the right and y ahead, as the camera above sees them, in metres.
"""
