"""The one loop in which policies meet environments, and the worker processes that run the environments."""
