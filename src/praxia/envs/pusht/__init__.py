"""PushT (Florence et al. 2021, arXiv 2109.00137; Chi et al. 2023, arXiv 2303.04137; the package gym-pusht 0.1.8).

A round agent pushes a T onto a T on the ground. Coordinates: pixels in a square of 512, x to the right and y down as in
the image; angles turn from x to y.
"""

import os

# On import pygame prints a greeting to stdout, where a command's JSON goes.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
