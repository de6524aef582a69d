"""The commands: reads the words on the command line, calls the work, ends with a code."""

import json
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from clipmill import __version__
from clipmill.errors import BudgetError, ClipmillError, JobCancelled, ToolError, UsageError, disk_error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (listed in ``clipmill --help``)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        print(f"clipmill {__version__}")
        return 0
    from cyclopts import CycloptsError  # both are slow to import and not needed to tell a version

    from clipmill.commands import app

    signal.signal(signal.SIGTERM, _interrupt)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        return int(app(words, exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as error:
        return _tell(UsageError(f"{error} See clipmill --help.", code="usage"), words)
    except KeyboardInterrupt:
        return _tell(JobCancelled("Interrupted: the same command again continues from here."), words)
    except ClipmillError as error:
        return _tell(error, words)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        full = disk_error(error.errno, error.filename or "the files of this job")
        if not isinstance(full, BudgetError):
            raise
        return _tell(full, words)


def _tell(error: ClipmillError, words: Sequence[str]) -> int:
    """Say what went wrong, for a program too when it asked for JSON."""
    print(f"clipmill: {error.one_line()}", file=sys.stderr)
    if isinstance(error, ToolError) and {"-v", "--verbose"} & set(words):
        print(error.detail, file=sys.stderr)
    if "--json" in words:
        print(json.dumps({"error": {"code": error.code, "message": error.message}}))
    return error.exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
