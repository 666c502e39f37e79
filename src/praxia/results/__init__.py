"""What an evaluation leaves behind: one row an episode, what produced it, and what may be concluded."""
