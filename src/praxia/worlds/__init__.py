"""Worlds: what actions lead to, imagined by a model or by a simulator. They know no planner."""
