"""Checks in seconds, before an evaluation of hours, whether checkpoint, benchmark and this machine fit together.

A check is a function from a `PreflightSetup` to a `PreflightResult`. `run.CHECKS` lists them by name.
"""
