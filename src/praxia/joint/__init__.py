"""Joint world-action models: one network over actions and what follows them, and what it is used as."""
