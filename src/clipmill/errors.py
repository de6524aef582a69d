"""Every error raised on purpose, as a tree: the class says what to do next, the code what happened.

ClipmillError            its text is fit to show to the user; ``code`` is stable
  SettingsError          a setting is wrong: refuse to start
  UsageError             the request is wrong: nothing was started
  SourceError            the video cannot be used: fail, no retry
  PlanError              the plan file cannot be used
  NothingFound           no span is worth a clip
  MissingError           a program, model or font is not installed
  RemoteError            a site or service refused or failed
    OutageError          it failed for the moment: a retry may help
  BudgetError            money or disk is used up
  ToolError              a program or model failed: a retry may help
  BusyError              come back later: carries when
  UnknownError           there is no such job, clip or event
  StateError             not possible in the state that it is in
  OutdatedError          somebody else changed it first
  JobCancelled           somebody asked
"""

import errno


class ClipmillError(Exception):
    """Something went wrong on which clipmill has a word to say.

    ``code`` is a stable name for programs, the text a sentence for people that says what happened, to
    what, and what to do. ``exit_code`` is what the command line ends with, ``http_status`` what the API
    answers with, ``retry`` whether trying the same again can help.
    """

    exit_code = 1
    http_status = 500
    retry = False

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def one_line(self) -> str:
        """The message for a terminal or a log: a file's name may hold line breaks and steering codes."""
        return "".join(letter if letter.isprintable() else " " for letter in self.message)


class SettingsError(ClipmillError):
    """A setting is wrong: refuse to start."""

    exit_code = 2


class UsageError(ClipmillError):
    """The request is wrong: nothing was started."""

    exit_code = 2
    http_status = 422


class SourceError(ClipmillError):
    """The video, or a file that belongs to it, cannot be used."""

    exit_code = 4
    http_status = 422


class PlanError(ClipmillError):
    """The plan file cannot be used."""

    exit_code = 2
    http_status = 422


class NothingFound(ClipmillError):  # noqa: N818 (it is an outcome, not a fault)
    """No span is worth a clip."""

    exit_code = 3
    http_status = 422


class MissingError(ClipmillError):
    """A program, model or font is not installed."""

    exit_code = 5
    http_status = 503


class RemoteError(ClipmillError):
    """A site or service refused or failed."""

    exit_code = 6
    http_status = 502


class OutageError(RemoteError):
    """A site or service failed for the moment: trying again may help."""

    retry = True


class BudgetError(ClipmillError):
    """Money, disk or time is used up."""

    exit_code = 7
    http_status = 507


class ToolError(ClipmillError):
    """A program or model failed; ``signal`` names what killed it, ``detail`` is the end of its stderr."""

    retry = True

    def __init__(self, message: str, *, code: str, signal: str = "", detail: str = "") -> None:
        super().__init__(message, code=code)
        self.signal = signal
        self.detail = detail


class BusyError(ClipmillError):
    """Come back in ``retry_after`` seconds: too many wait, or a part is down for the moment."""

    http_status = 503
    retry = True

    def __init__(self, message: str, *, code: str, retry_after: float) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class UnknownError(ClipmillError):
    """There is no such job, clip or page."""

    http_status = 404


class StateError(ClipmillError):
    """Not possible in the state that the job is in."""

    http_status = 409


class OutdatedError(ClipmillError):
    """Somebody else changed it first: read it again."""

    http_status = 412


class JobCancelled(ClipmillError):  # noqa: N818 (it is an outcome, not a fault)
    """Somebody asked for the work to stop."""

    exit_code = 130

    def __init__(self, message: str = "Interrupted.") -> None:
        super().__init__(message, code="cancelled")


def disk_error(number: int | None, folder: object) -> ClipmillError | None:
    """What a system's error number says about the disk of ``folder``: full, or closed to us; else None."""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return BudgetError(
            f"The disk that holds {folder} is full: free some space and run the same command again.",
            code="disk-full",
        )
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return UsageError(
            f"The folder {folder} cannot be written to: choose another one with -o.", code="folder-read-only"
        )
    return None
