"""`python -m bot`: the bot as a process; `--check` and `--manifest` answer questions about its set-up in JSON."""

import argparse
import json
import sys
from collections.abc import Sequence

from bot.log import quieten
from bot.settings import Settings, SettingsError
from worker import log
from worker.connection import Misconfigured


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed and said why, 2 wrong usage, 130 interrupted."""
    options = _options(arguments)
    try:
        return _do(options)
    except KeyboardInterrupt:
        return 130
    except (SettingsError, Misconfigured) as error:
        return _fail(str(error))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bot", description="The Slack side of the sentiment tagger.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="print what is wrong with the Slack set-up, as JSON")
    group.add_argument("--history", metavar="CHANNEL", default="", help="print what was said there lately, or in all")
    group.add_argument("--manifest", action="store_true", help="print the app manifest to paste into Slack")
    parser.add_argument("--http", metavar="URL", default="", help="with --manifest: HTTP mode, events sent to URL")
    parser.add_argument("--several", action="store_true", help="with --http: for an app of several workspaces")
    parser.add_argument("--json", action="store_true", help="with --history: as JSON, which it always is")
    options = parser.parse_args(arguments)
    if options.http and not options.manifest:
        parser.error("--http goes with --manifest")
    if options.several and not options.http:
        parser.error("--several goes with --http")
    return options


def _do(options: argparse.Namespace) -> int:
    if options.manifest:
        from bot.manifest import manifest  # noqa: PLC0415 (needs no settings and no Slack)

        return _print(manifest(options.http, several=options.several))
    settings = Settings.load()
    log.configure(settings.clf_log_level, settings.clf_log_format, settings.secrets)
    quieten()
    if options.check:
        from bot.check import check  # noqa: PLC0415

        return _print(check(settings))
    if options.history:
        return _history(settings, options.history)
    from bot.process import Refused, run  # noqa: PLC0415 (loads Bolt)

    try:
        run(settings)
    except Refused as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"Cannot listen on {settings.clf_bind}:{settings.clf_http_port}: {error.strerror}.")
    return 0


def _history(settings: Settings, channel: str) -> int:
    from bot.recent import NoHistory, recent  # noqa: PLC0415
    from worker.connection import QueueError  # noqa: PLC0415

    try:
        return _print(recent(settings, channel))
    except (NoHistory, QueueError) as error:
        return _fail(str(error))


def _print(document: object) -> int:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0


def _fail(line: str) -> int:
    sys.stderr.write(" ".join(line.split()) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
