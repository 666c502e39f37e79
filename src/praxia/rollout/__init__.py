"""The only loop in which a policy meets an environment, and the processes that the environments live in."""
