"""TwoRoom: a point robot, two rooms with a door between them, and a goal that is given as an image.

The arena of latent planning (Sobal et al. 2025, arXiv 2502.14819; stable-worldmodel has it as TwoRoom): the straight
line to a goal in the other room ends at the wall, so distance in pixels or in metres misleads. Drawn anew here, with
physics of its own.

Coordinates: x to the right and y ahead, as the camera above sees them, in metres; the wall is the line x = 0.
"""
