"""Any environment of gymnasium as a family of environments, which a small JSON file describes: see `declaration`."""
