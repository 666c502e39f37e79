"""Encoder + Head = Policy."""
