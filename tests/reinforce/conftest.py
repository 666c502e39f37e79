import sys
from pathlib import Path

# Worker processes, and the run that is killed, import the toy world by name.
sys.path.insert(0, str(Path(__file__).parent))
