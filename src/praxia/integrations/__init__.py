"""Praxia inside others' loops: its benchmarks in vla-eval, its policies in LeRobot, its environments in gymnasium.

Each module needs the project that it is for, in the same environment, and is imported by that project or its user.
"""
