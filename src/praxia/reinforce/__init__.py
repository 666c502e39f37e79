"""Reinforcement learning: specialists of one task on privileged state, by trial in the workers of evaluation."""
