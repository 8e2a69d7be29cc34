"""`poolwise`: every command, and how errors leave the process: 0 done, 1 ran and found a problem, 2 bad input."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

import poolwise
from poolwise.cli.estimation import evaluations, imports, prior, refits, replays, training
from poolwise.cli.serving import control, events, inspection, pages, projects, runs, service
from poolwise.cli.storage import archives, backups, migration, removal, retention
from poolwise.errors import InputError, PoolwiseError, StoreError
from poolwise.extras import explained
from poolwise.names import escaped

INTERRUPTED = 130
"""What typer makes of Ctrl-C."""
SETTINGS: dict[str, Any] = {
    "name": "poolwise",
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"max_content_width": 120},
}
app = typer.Typer(**SETTINGS)
for command in (
    runs.init,
    runs.run,
    events.decide,
    events.observe,
    refits.refit,
    pages.report,
    pages.log,
    training.learn,
    control.control,
    backups.backup,
    backups.restore,
    migration.migrate,
    archives.archive,
    retention.retention,
    removal.forget,
    removal.withdraw,
    inspection.status,
    inspection.beliefs,
    projects.projects,
    projects.similar,
    inspection.explain,
    inspection.export,
    replays.replay,
    evaluations.evaluate,
    service.serve,
    service.keys,
):
    app.command()(command)
app.command("import")(imports.import_)
app.add_typer(prior.app, name="prior")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"poolwise {poolwise.__version__}")
        raise typer.Exit


@app.callback()
def every(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Choose strategies and parameters for the jobs of a running system, and learn which ones are best."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # What the terminal's encoding lacks is written out.
            stream.reconfigure(errors="backslashreplace")
    try:
        asked = _narrowed(sys.argv[1:] if arguments is None else arguments)
        status = asked(arguments, prog_name="poolwise", standalone_mode=False) or 0
        return _said("interrupted", 1) if status == INTERRUPTED else status
    except TyperException as error:
        return _said(error.format_message() or "give a command: `poolwise --help` lists them", 2)
    except (InputError, StoreError) as error:
        return _said(str(error), 2)
    except ModuleNotFoundError as error:
        return _said(str(explained(error)), 2)
    except PoolwiseError as error:
        return _said(str(error), 1)
    except BrokenPipeError:
        sys.stdout = None  # its flush at exit would complain once more
        return 1
    except OSError as error:  # a path that is too long, a folder that may not be entered
        return _said(f"{error.filename or 'a file'} cannot be used ({error.strerror or error}): name another one", 2)


def _narrowed(arguments: Sequence[str]) -> typer.Typer:
    """With the one command that is asked for: to make the options of all takes longer than most of them run."""
    named = [one for one in app.registered_commands if arguments and arguments[0] == _name(one)]
    if not named:
        return app
    small = typer.Typer(**SETTINGS)
    small.registered_commands, small.registered_callback = named, app.registered_callback
    return small


def _name(command: typer.models.CommandInfo) -> str:
    return str(command.name or getattr(command.callback, "__name__", ""))


def _said(message: str, status: int) -> int:
    print(f"poolwise: {escaped(' '.join(message.split()))}", file=sys.stderr)
    return status
