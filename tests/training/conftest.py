"""Trainings that children of this process run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `runs`, which children import too
