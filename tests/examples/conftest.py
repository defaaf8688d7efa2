"""Examples import one another as programs do: their own folder comes first."""

import sys

from tests.tree.running_tree import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "examples"))
