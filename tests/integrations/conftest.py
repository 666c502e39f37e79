import sys
from pathlib import Path

# The toy world of the rollout's tests, and the benchmark over it.
sys.path.insert(0, str(Path(__file__).parents[1] / "rollout"))
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
