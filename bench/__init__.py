"""``python -m bench``: what Ratchet costs, each figure beside its floor or peer of the same run."""

import sys
from pathlib import Path

# the scenes are the tests' own: boot loaders, a PostgreSQL, a server with its operator
sys.path.append(str(Path(__file__).parents[1] / "tests"))
