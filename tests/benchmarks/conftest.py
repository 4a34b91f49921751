"""The benchmarks are not part of the distribution: they are imported from the checkout."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # behind everything, so that what is installed stays what is tested
