"""Where the recordings and the outside meters are that are measured with; neither is part of the project."""

import os
from pathlib import Path

DATA = Path(os.environ.get("CLIPMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
TOOLS = DATA.parent / "tools"
