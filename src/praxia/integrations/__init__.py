"""Praxia inside other projects' loops: its benchmarks in vla-evaluation-harness, its policies in LeRobot.

Each module needs the project that it is for, in the same environment, and is imported by that project or its user.
"""
