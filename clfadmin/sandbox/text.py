"""From what a person types to what Slack stores: escapes, mentions, channel links, links."""

import re
from collections.abc import Callable, Mapping

MAX_CHARACTERS = 40_000  # Slack cuts longer messages there

BROADCASTS = {"here": "<!here>", "channel": "<!channel>", "everyone": "<!everyone>"}

_CODE = r"(?P<code>```.*?```|`[^`\n]+`)"
_ID = r"<@(?P<id>[UW][A-Z0-9]{2,})>"
_LINK = r"(?P<link>https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"])"
_USER = r"(?<![\w@])@(?P<user>[a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9])"
_CHANNEL = r"(?<![\w#&])#(?P<channel>[a-z0-9][a-z0-9_-]*)"
_TYPED = re.compile("|".join((_CODE, _ID, _LINK, _USER, _CHANNEL)), re.DOTALL)
_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,})>")
_URL = re.compile(r"<(https?://[^|>]+)")


def escape(text: str) -> str:
    """The three characters Slack escapes, and no other."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def from_person(typed: str, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """Slack's form of `typed`. `users` and `channels` map names to ids.

    `@name` and `<@ID>` of known people become mentions, `@here` and its like become broadcasts, a known `#name` a
    channel link, a web address a link. Nothing is read inside backticks. All else is escaped, a typed `<!channel>`
    too, and what exceeds 40,000 characters is cut first.
    """
    typed = typed[:MAX_CHARACTERS]
    known = set(users.values())
    readers: dict[str, Callable[[str], str | None]] = {
        "code": escape,
        "id": lambda found: f"<@{found}>" if found in known else None,
        "link": lambda found: f"<{escape(found)}>",
        "user": lambda found: BROADCASTS.get(found) or (f"<@{users[found]}>" if found in users else None),
        "channel": lambda found: f"<#{channels[found]}|{found}>" if found in channels else None,
    }

    parts: list[str] = []
    end = 0
    for match in _TYPED.finditer(typed):
        kind = str(match.lastgroup)
        parts.append(escape(typed[end : match.start()]))
        parts.append(readers[kind](match[kind]) or escape(match[0]))
        end = match.end()
    return "".join((*parts, escape(typed[end:])))


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Mentions as a slash command tells them: `<@ID|name>`. `names` maps ids to names."""
    return _MENTION.sub(lambda found: f"<@{found[1]}|{names.get(found[1], found[1])}>", text)


def mentions(text: str) -> frozenset[str]:
    """Ids of the users that Slack's form of a text mentions."""
    return frozenset(_MENTION.findall(text))


def first_link(text: str) -> str:
    """The first web address in Slack's form of a text, or an empty string."""
    match = _URL.search(text)
    return match[1] if match else ""
