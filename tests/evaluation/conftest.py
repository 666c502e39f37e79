import sys
from pathlib import Path

# The toy world of the rollout's tests; worker processes import it by name.
sys.path.insert(0, str(Path(__file__).parents[1] / "rollout"))
sys.path.insert(0, str(Path(__file__).parent))
