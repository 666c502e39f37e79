"""PushT's scripted expert: it simulates straight pushes in a model of the block, executes the best, and searches again.

Lengths in pixels, as in `praxia.envs.pusht`.
"""

import os

# On import pygame, a dependency of gym-pusht, prints a greeting to stdout, where a command's JSON goes.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
