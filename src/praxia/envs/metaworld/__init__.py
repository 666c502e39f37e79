"""Meta-World v3 (McLean et al. 2025, arXiv 2505.11289; the package metaworld 3.0.0): fifty tasks of one Sawyer arm."""

# Before anything here imports metaworld, and with it MuJoCo, which chooses its OpenGL while it is imported.
import praxia.envs.graphics  # noqa: F401
