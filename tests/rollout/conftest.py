import sys
from pathlib import Path

# Worker processes import the toy world by name, so it must be importable and not only loaded by path.
sys.path.insert(0, str(Path(__file__).parent))
