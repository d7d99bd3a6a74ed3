"""The operator's command line: which commands there are, and how an error becomes one line and an exit code.

A command is one file with one function, registered by one line below. These files load quickly: what is heavy
(TensorFlow, numpy, rich, pydantic) is imported inside the functions.
"""

import sys
from typing import Annotated, NoReturn

import typer

from clfadmin import (
    backup,
    bench,
    classify,
    console,
    dlq,
    doctor,
    evaluate,
    feedback,
    forget,
    loop,
    models,
    pause,
    slack,
    status,
    swap_model,
    train,
    up,
)
from clfadmin.actions import recorded

FAILED, REFUSED, INTERRUPTED = 1, 3, 130  # 2, wrong usage, comes from typer
NOTHING_CHANGED = "interrupted, nothing was changed"

app = typer.Typer(
    name="clfadmin",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command(epilog=up.EXAMPLE)(up.up)
app.command(epilog=train.EXAMPLE)(train.train)
app.command(epilog=evaluate.EXAMPLE)(evaluate.evaluate)
app.command(epilog=classify.EXAMPLE)(classify.classify)
app.command(epilog=swap_model.SWAP_EXAMPLE)(recorded("swap-model")(swap_model.swap_model))
app.command(epilog=swap_model.ROLLBACK_EXAMPLE)(recorded("rollback")(swap_model.rollback))
app.command(epilog=loop.EXAMPLE)(recorded("loop")(loop.loop))
app.command(epilog=status.EXAMPLE)(status.status)
app.command(epilog=doctor.EXAMPLE)(doctor.doctor)
app.command(epilog=pause.PAUSE_EXAMPLE)(recorded("pause")(pause.pause))
app.command(epilog=pause.RESUME_EXAMPLE)(recorded("resume")(pause.resume))
app.command(epilog=backup.BACKUP_EXAMPLE)(recorded("backup")(backup.backup))
app.command(epilog=backup.RESTORE_EXAMPLE)(recorded("restore")(backup.restore))
app.command(epilog=forget.EXAMPLE)(recorded("forget")(forget.forget))
app.command(epilog=bench.EXAMPLE)(bench.bench)
app.add_typer(dlq.app, name="dlq", epilog=dlq.EXAMPLE)
app.add_typer(feedback.app, name="feedback", epilog=feedback.EXAMPLE)
app.add_typer(slack.app, name="slack")
app.add_typer(models.app, name="models", epilog=models.EXAMPLE)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.say(f"clfadmin {version('clf')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, check and swap the model behind the Slack bot, and run all of it on this machine."""
    if context.invoked_subcommand is None:
        console.say(context.get_help())


def main() -> NoReturn:
    """The `clfadmin` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code: 0, 1 failed, 2 wrong usage, 3 refused, 130 interrupted."""
    try:
        code: object = app(arguments, prog_name="clfadmin", standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # nobody else turns errors into lines
        return _report(error)
    if code == INTERRUPTED:  # typer turns Ctrl-C into this
        console.note(NOTHING_CHANGED)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    code, line = _explain(error)
    if _wants_traceback():
        console.traceback(error)
    console.note(line) if code == INTERRUPTED else console.error(line)
    return code


def _explain(error: Exception) -> tuple[int, str]:
    """The exit code and the one line for a person. What we didn't foresee names its type and how to learn more."""
    from classifier.errors import ClassifierError, Interrupted, VersionRefused
    from clfadmin.memory import NoWorkspace
    from worker.connection import QueueError

    match error:
        case VersionRefused():
            return REFUSED, f"refused ({error.code}): {error}"
        case Interrupted():
            return INTERRUPTED, str(error)
        case ClassifierError() | QueueError() | NoWorkspace():
            return FAILED, str(error)
        case typer.TyperException():
            return error.exit_code, error.format_message()
        case typer.Abort():
            return INTERRUPTED, NOTHING_CHANGED
        case OSError():
            return FAILED, _explain_os(error)
        case _:
            name, text = type(error).__name__, str(error)
            return FAILED, f"unexpected {name}: {text}. CLF_LOG_LEVEL=debug shows where."


def _explain_os(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}"


def _wants_traceback() -> bool:
    from clfadmin import settings

    try:
        return settings.load().log_level == "debug"
    except settings.SettingsError:
        return False
