"""Where Redis is: CLF_REDIS_URL taken apart. Standard library only."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SENTINEL_PORT = 26_379
PORT = 6379
EXAMPLES = (
    "redis://host:6379, rediss://host:6379, unix:///path, redis+cluster://host1:6379,host2:6379 or "
    "redis+sentinel://host1:26379,host2:26379/name-of-the-master"
)
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
ENCODED = "special characters of a password must be written as %2F for /, %3F for ?, %23 for # and so on"

NO_PORT = f"a port in it is no number from 1 to 65535; {ENCODED}"


class BadAddress(ValueError):
    """One line that says what is wrong, without any part of the URL that might be a piece of the password."""


@dataclass(frozen=True)
class Sentinels:
    """`redis+sentinel://[user:password@]host:port,host:port/master`, with `rediss` for TLS to servers and sentinels.

    User and password there are those of the servers. `?sentinel_username=…&sentinel_password=…` are those of the
    sentinels, which usually have none.
    """

    hosts: tuple[tuple[str, int], ...]
    master: str
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Cluster:
    """`redis+cluster://[user:password@]host:port,host:port`, with `rediss` for TLS: some of the nodes."""

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def split(url: str) -> SplitResult:
    """The URL's parts. Raises BadAddress, also where a password with an odd character has torn it apart."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadAddress(f"it is no URL; {ENCODED}") from error
    if "@" not in parts.netloc and ":" in parts.netloc and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise BadAddress(ENCODED)
    return parts


def shown(url: str) -> str:
    """The URL without its password and user, for logs and messages. Raises BadAddress."""
    parts = split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_sentinel(url: str) -> bool:
    return split(url).scheme in ("redis+sentinel", "rediss+sentinel")


def is_cluster(url: str) -> bool:
    return split(url).scheme in ("redis+cluster", "rediss+cluster")


def sentinels(url: str) -> Sentinels:
    """Raises BadAddress."""
    master = split(url).path.strip("/")
    if not master or "/" in master:
        raise BadAddress("it does not end in /name-of-the-master, as in redis+sentinel://host:26379/mymaster")
    hosts, tls, user, password = _hosts(url, port=SENTINEL_PORT)
    if not hosts:
        raise BadAddress("it names no sentinel")
    return Sentinels(hosts, unquote(master), tls, user, password, **_options(url, SENTINEL_OPTIONS))


def cluster(url: str) -> Cluster:
    """Raises BadAddress."""
    if split(url).path.strip("/"):
        raise BadAddress("it ends in a / and a word, but a cluster has one database and needs no name")
    hosts, tls, user, password = _hosts(url, port=PORT)
    if not hosts:
        raise BadAddress("it names no node")
    _options(url, ())
    return Cluster(hosts, tls, user, password)


def _hosts(url: str, *, port: int) -> tuple[tuple[tuple[str, int], ...], bool, str, str]:
    """Of a URL with several hosts: those, whether it asks for TLS, user and password."""
    parts = split(url)
    login, _, places = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts = tuple(_host(place, port) for place in places.split(",") if place)
    return hosts, parts.scheme.startswith("rediss"), unquote(user), unquote(password)


def _options(url: str, known: tuple[str, ...]) -> dict[str, str]:
    """What stands behind the `?`."""
    found = dict(parse_qsl(split(url).query, keep_blank_values=True))
    if set(found) - set(known):
        raise BadAddress(f"after its ? there may be {' and '.join(known) or 'nothing'} only")
    return found


def _host(place: str, usual_port: int) -> tuple[str, int]:
    """`host`, `host:port` or `[ipv6]:port`."""
    host, _, port = place.rpartition(":") if not place.endswith("]") and ":" in place else (place, "", "")
    if port and not (port.isdigit() and 0 < int(port) < 65_536):
        raise BadAddress(NO_PORT)
    return host.strip("[]"), int(port) if port else usual_port
