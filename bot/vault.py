"""What is encrypted before it goes to Redis: tokens of workspaces. And what proves that a browser comes from us."""

import base64
import binascii
import json
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.settings import NEW_KEY, SettingsError

KEY_BYTES = 32


class Locked(Exception):
    """Not encrypted with any of our keys, or changed since."""


class Vault:
    """Fernet (AES-128-CBC with HMAC-SHA256). Safe for threads."""

    def __init__(self, keys: str) -> None:
        """CLF_SECRET_KEY: one key, or several with commas between: the first encrypts, all decrypt.

        Raises SettingsError.
        """
        self._fernet = MultiFernet([_fernet(key.strip()) for key in keys.split(",")])

    def seal(self, whose: str, content: dict[str, Any]) -> str:
        """`whose` it is goes in with it, so that it opens under no other name."""
        return self._fernet.encrypt(json.dumps({"for": whose, **content}).encode()).decode()

    def open(self, whose: str, sealed: str) -> dict[str, Any]:
        """Raises Locked."""
        try:
            content: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, UnicodeEncodeError):
            raise Locked(whose) from None
        if content.pop("for", "") != whose:
            raise Locked(whose)
        return content

    def stamp(self) -> str:
        """A word of ours that says when it was made."""
        return self._fernet.encrypt(b"").decode()

    def is_ours(self, stamp: str, within: timedelta) -> bool:
        try:
            return self._fernet.decrypt(stamp.encode(), ttl=int(within.total_seconds())) == b""
        except (InvalidToken, UnicodeEncodeError):
            return False


def _fernet(key: str) -> Fernet:
    # Both alphabets of base64 are seen in the wild; Fernet takes one.
    try:
        raw = base64.b64decode(key.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise SettingsError(f"CLF_SECRET_KEY is not {KEY_BYTES} bytes in base64: {NEW_KEY}.")
    return Fernet(base64.urlsafe_b64encode(raw))
