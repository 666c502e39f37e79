"""PushT's expert: it tries straight pushes in a model of the block, and does the best one for real.

It finds, executes and searches again. Lengths in pixels, as in `praxia.envs.pusht`.
"""

import os

# On import pygame, which gym-pusht brings along, prints a greeting to stdout, where a command's JSON goes.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
