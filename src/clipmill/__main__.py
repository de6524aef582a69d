"""``python -m clipmill`` is ``clipmill``."""

import sys

from clipmill.cli import main

if __name__ == "__main__":
    sys.exit(main())
