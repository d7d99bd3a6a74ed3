"""CLF_REDIS_URL: taken apart correctly, refused with a reason, and never shown with its password."""

import pytest

from worker.address import BadAddress, Cluster, Sentinels, cluster, is_cluster, is_sentinel, sentinels, shown
from worker.connection import Misconfigured, connect
from worker.log import Redactor


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://a:1,b:2/m", Sentinels((("a", 1), ("b", 2)), "m", tls=False)),
        ("redis+sentinel://a,b/m", Sentinels((("a", 26379), ("b", 26379)), "m", tls=False)),
        ("rediss+sentinel://u:p%40ss@a:1/m", Sentinels((("a", 1),), "m", tls=True, user="u", password="p@ss")),
        (
            "redis+sentinel://:pw@a/m?sentinel_username=s&sentinel_password=p%40ss",
            Sentinels((("a", 26379),), "m", False, "", "pw", sentinel_username="s", sentinel_password="p@ss"),
        ),
        (
            "redis+sentinel://:pw@[::1]:5,[::2]/m",
            Sentinels((("::1", 5), ("::2", 26379)), "m", tls=False, password="pw"),
        ),
    ],
)
def test_sentinels_are_read_from_the_url(url: str, expected: Sentinels):
    assert is_sentinel(url)
    assert sentinels(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://a:1", "name-of-the-master"),
        ("redis+sentinel://a:1/m/0", "name-of-the-master"),
        ("redis+sentinel:///m", "names no sentinel"),
        ("redis+sentinel://a:0/m", "no number"),
        ("redis+sentinel://a:port/m", "no number"),
        ("redis+sentinel://a:1/m?db=1", "sentinel_username and sentinel_password only"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(url: str, reason: str):
    with pytest.raises(BadAddress, match=reason):
        sentinels(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+cluster://a:1,b", Cluster((("a", 1), ("b", 6379)), tls=False)),
        ("rediss+cluster://u:p%40ss@[::1]:5/", Cluster((("::1", 5),), tls=True, user="u", password="p@ss")),
    ],
)
def test_nodes_of_a_cluster_are_read_from_the_url(url: str, expected: Cluster):
    assert is_cluster(url)
    assert cluster(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+cluster://a:1/0", "one database"),
        ("redis+cluster://a?db=1", "nothing only"),
        ("redis+cluster://", "names no node"),
    ],
)
def test_what_is_no_cluster_is_refused_with_the_reason(url: str, reason: str):
    with pytest.raises(BadAddress, match=reason):
        cluster(url)


@pytest.mark.parametrize("odd", ["/", "?", "#", "[", "]", "@"])
@pytest.mark.parametrize("kind", ["redis://:{}@host:1", "rediss+sentinel://u:{}@a:1,b:2/m", "redis+cluster://u:{}@a:1"])
def test_a_password_that_tears_the_url_apart_is_not_in_what_is_said_of_it(kind: str, odd: str):
    url = kind.format(f"s3cr{odd}et99")
    try:
        said = f"{connect(url)!r} {shown(url)}"
    except (Misconfigured, BadAddress) as error:
        said = str(error)
        assert "redis://" in said, "what to do"
    assert "s3cr" not in said
    assert "et99" not in said
    assert "et99" not in Redactor([url])(f"trouble with {url}")


@pytest.mark.parametrize(
    "url", ["redis://h:1?bogus=1", "redis://h:1/0?socket_timeout=soon", "s3cret@host", "redis:s3cret"]
)
def test_a_url_that_is_none_is_refused_before_the_first_command(url: str):
    with pytest.raises(Misconfigured, match="redis://") as refused:
        connect(url)
    assert "s3cret" not in str(refused.value)


def test_nothing_shows_the_password():
    url = "redis+sentinel://clf-bot:s3cret@a:1,b:2/m?sentinel_password=s3cret"
    assert shown(url) == "redis+sentinel://a:1,b:2/m"
    assert "s3cret" not in repr(sentinels(url))
