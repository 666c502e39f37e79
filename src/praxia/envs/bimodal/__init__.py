"""Bimodal: a point robot must pass a round obstacle, left or right, and reach a goal behind it.

Both ways are equally good, so demonstrations take either, and the mean of the two runs into the obstacle. A policy that
can only give one answer per observation fails here whatever its size; one that keeps both modes, and commits, does not.

Frame of everything: x to the right and y ahead, as the camera above sees it; metres.
"""
