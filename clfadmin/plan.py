"""What `clfadmin up` will run, decided before anything is started: which processes, with which environment."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from clfadmin import broker, readiness
from clfadmin.broker import BrokerError
from clfadmin.sandbox.settings import from_environment
from clfadmin.settings import Settings, SlackTokens
from clfadmin.supervise import Spec, numbered

# A worker finishes its batch within 20 s of SIGTERM (queue: leases would cover more); a bot posts what it holds.
WORKER_PATIENCE = timedelta(seconds=25)
BOT_PATIENCE = timedelta(seconds=15)
SANDBOX_PATIENCE = timedelta(seconds=5)
# The broker's own process waits 15 s for SHUTDOWN.
BROKER_PATIENCE = timedelta(seconds=20)

# Slack's library would send even requests to 127.0.0.1 through a proxy.
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_SLACK = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_CLIENT_ID",
    "SLACK_CLIENT_SECRET",
    "CLF_SECRET_KEY",
)


class PortInUse(BrokerError):
    """Somebody else listens there."""


@dataclass(frozen=True)
class Plan:
    """`broker` and `sandbox` are None where the operator brings a Redis or Slack of his own."""

    home: Path
    port: int
    page: str
    beats: readiness.Beats
    broker: Spec | None
    sandbox: Spec | None
    bot: Spec
    workers: list[Spec]


def make(settings: Settings, slack: SlackTokens, *, port: int, workers: int) -> Plan:
    """Prepare the home's folders and decide. Raises BrokerError where the embedded broker cannot run."""
    settings.home.mkdir(parents=True, exist_ok=True)
    given = settings.redis_url.get_secret_value() if settings.redis_url else ""
    there = None if given else broker.prepare(settings.home)
    url = given or broker.broker_url(settings.home)
    common = _ours(settings, url, dict(os.environ))
    page = f"http://127.0.0.1:{port}"
    own_slack = common | {"CLF_HTTP_PORT": str(port)}
    for_bot = own_slack if slack.given else _ours(settings, url, sandbox_environment(page))
    beats = readiness.Beats(url, settings.prefix)
    return Plan(
        home=settings.home,
        port=port,
        page=page,
        beats=beats,
        broker=_broker(settings.home, common, readiness.broker_answers(there)) if there else None,
        sandbox=None if slack.given else _sandbox(common, port),
        bot=_bot(for_bot, beats),
        workers=_workers(common, beats, workers),
    )


def free_port(port: int) -> int:
    """The port, or any free one for 0. Raises PortInUse."""
    with socket.socket() as probe:
        # As the servers do: a port whose last connections are still in TIME_WAIT may be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # Bound is not enough: two sockets with SO_REUSEADDR may be bound, but only one may listen.
            probe.listen()
        except OSError as error:
            raise PortInUse(
                f"Port {port} cannot be used ({error.strerror}). Choose another: clfadmin up --port {port + 1}, "
                "or --port 0 for any free one."
            ) from error
        return probe.getsockname()[1]


def _ours(settings: Settings, url: str, environment: dict[str, str]) -> dict[str, str]:
    """That environment, with what makes a process one of this installation."""
    # A folder named bot or worker where the operator stands must not be taken for ours.
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    # Two processes cannot serve one port; the bot's is given below.
    environment.pop("CLF_HTTP_PORT", None)
    return environment | {"CLF_HOME": str(settings.home), "CLF_REDIS_URL": url, "CLF_PREFIX": settings.prefix}


def _broker(home: Path, environment: Mapping[str, str], ready: readiness.Check) -> Spec:
    arguments = ("--home", str(home), "--until-eof")
    module = "clfadmin.broker_server"
    return Spec("broker", module, arguments, environment, ready, BROKER_PATIENCE, until_eof=True)


def _sandbox(environment: Mapping[str, str], port: int) -> Spec:
    ready = readiness.page_answers(port)
    return Spec("sandbox", "clfadmin.sandbox", ("--port", str(port)), environment, ready, SANDBOX_PATIENCE)


def sandbox_environment(page: str) -> dict[str, str]:
    """Our environment, with the bot's settings for the local Slack at that address."""
    secrets = from_environment(os.environ)
    kept = {name: value for name, value in os.environ.items() if name not in (*_PROXIES, *_SLACK)}
    return kept | {
        "SLACK_API_URL": f"{page}/api/",
        "SLACK_BOT_TOKEN": secrets.bot_token,
        "SLACK_APP_TOKEN": secrets.app_token,
    }


def _bot(environment: Mapping[str, str], beats: readiness.Beats) -> Spec:
    return Spec("bot", "bot", (), environment, readiness.bot_connected(beats), BOT_PATIENCE)


def _workers(environment: Mapping[str, str], beats: readiness.Beats, count: int) -> list[Spec]:
    kept = {name: value for name, value in environment.items() if name not in _SLACK}
    if count > 1:
        # Each would take all cores for itself, and they would hold each other up.
        kept.setdefault("CLF_THREADS", str(max((os.cpu_count() or 1) // count, 1)))
    return numbered(Spec("worker", "worker", (), kept, readiness.worker_ready(beats), WORKER_PATIENCE), count)
