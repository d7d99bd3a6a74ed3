"""`python -m clfadmin.sandbox`: a local Slack in one process."""

import argparse
import asyncio
import os
import signal
import socket
import sys

from clfadmin.sandbox.server import Server, listen, make_server
from clfadmin.sandbox.settings import from_environment


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m clfadmin.sandbox",
        description="A local Slack for trying and testing the bot. Secrets: SANDBOX_BOT_TOKEN, SANDBOX_APP_TOKEN, "
        "SANDBOX_SIGNING_SECRET.",
        epilog="Example: python -m clfadmin.sandbox --port 8080",
    )
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1; 0 lets the system choose")
    parser.add_argument("--events-url", default="", help="deliver events there by signed HTTP, not by Socket Mode")
    parser.add_argument(
        "--signing-secret-env",
        default="SANDBOX_SIGNING_SECRET",
        metavar="NAME",
        help="the environment variable that holds the signing secret",
    )
    return parser.parse_args(arguments)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def serve(server: Server, listener: socket.socket) -> None:
    """Until SIGINT or SIGTERM."""
    server.ready = lambda: say(f"sandbox: http://127.0.0.1:{listener.getsockname()[1]}")
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, setattr, server, "should_exit", True)
    await server.serve(sockets=[listener])


def main() -> int:
    options = read_options()
    settings = from_environment(os.environ, events_url=options.events_url, secret_variable=options.signing_secret_env)
    try:
        listener = listen(options.port)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"sandbox: port {options.port} cannot be used: {error}. Try another with --port.\n")
        return 1
    asyncio.run(serve(make_server(settings, ready=lambda: None), listener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
