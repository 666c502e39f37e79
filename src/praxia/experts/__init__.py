"""Policies with privileged state."""
