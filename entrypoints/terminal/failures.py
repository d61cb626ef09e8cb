"""Failures that a person at a terminal can do something about: one line, no traceback."""

import os
import signal
import sys
from types import FrameType
from typing import Any, Final

import click

INTERRUPTED: Final = 130
TERMINATED: Final = 143
"""128 and the signal's number, as a shell reports a program that SIGINT or SIGTERM ended."""


class CommandFailed(click.ClickException):
    """Exit code 1; the message names the thing and the way out."""


class OneLineErrors(click.Group):
    """A group of commands whose expected failures are one line ``ibid: ...`` on standard error."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, then leave with 0 done, 1 failed, 2 bad usage, 130 after Ctrl-C. Raises SystemExit, or a bug."""
        sys.exit(self._run(*args, **{"prog_name": "ibid", **extra, "standalone_mode": False}))

    def _run(self, *args: Any, **extra: Any) -> int:
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except BrokenPipeError:
            # The reader of a pipe went away (`ibid search x | head -1`): there is nobody to complain to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            return error.exit_code
        except Exception as error:
            line = _explained(error)
            if line is None:
                raise
            click.echo(f"ibid: {line}", err=True)
            return error.exit_code if isinstance(error, click.ClickException) else 1
        return code if isinstance(code, int) else 0


def leave_on_sigterm(code: int) -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that an own database is stopped and not left behind."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(code)

    signal.signal(signal.SIGTERM, leave)


def _explained(error: Exception) -> str | None:
    """The line to show for an expected failure, None for a bug."""
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx is not None else "ibid"
        return f"{_one_line(error.format_message())} (see '{path} --help')"
    if isinstance(error, click.ClickException):
        return _one_line(error.format_message())
    from domain.errors import PortError, PortUnavailable
    from entrypoints.data_directory import DataDirectoryInUse
    from entrypoints.settings import SettingsError

    if isinstance(error, PortUnavailable) and error.port == "database":
        return f"{_one_line(str(error))}; check DATABASE_URL, or try again"
    expected = isinstance(error, PortError | SettingsError | DataDirectoryInUse)
    return _one_line(str(error)) if expected else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
