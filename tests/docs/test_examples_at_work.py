"""The examples' Valkey: started as compose would start it, and the rights of the user who scales the workers."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from tests.conftest import Broker, wait_until
from tests.docs.test_examples import EXAMPLES, MANIFESTS, compose, filled, recipe
from tests.worker.servers import SERVER, free_port
from worker.jobs import Keys, StreamName


def test_the_valkey_of_compose_starts_with_the_users_of_users_acl_and_their_passwords(tmp_path: Path):
    """Its command and its health check, carried out with the folders of this test in place of the container's."""
    service, port = compose()["services"]["valkey"], free_port()
    *shell, script = (filled(word) for word in service["command"])
    for inside, here in (
        ("/etc/valkey/users.acl", str(EXAMPLES / "users.acl")),
        ("/tmp/users.acl", str(tmp_path / "users.acl")),
        ("--dir /data", f"--dir {tmp_path} --bind 127.0.0.1 --port {port}"),
    ):
        assert inside in script
        script = script.replace(inside, here)
    (tmp_path / "valkey-server").symlink_to(SERVER)
    client = tmp_path / "valkey-cli"
    client.write_text(f'#!/bin/sh\nREDISCLI_AUTH="$VALKEYCLI_AUTH" exec redis-cli -p {port} "$@"\n')
    client.chmod(0o755)
    given = {name: filled(value) for name, value in service["environment"].items()}
    environment = given | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def healthy() -> bool:
        _, line = service["healthcheck"]["test"]
        return subprocess.run(["sh", "-c", filled(line)], env=environment, check=False).returncode == 0

    with subprocess.Popen([*shell, script], env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: redis_at(port, "clf-admin", "admin1") or server.poll(), "Valkey's start")
            assert server.poll() is None
            users = [url for name in ("bot", "worker", "operator") for url in logins(compose()["services"][name])]
            assert [redis_at(port, *user) for user in users] == [True] * 3
            assert not any(
                redis_at(port, *user) for user in (("clf-bot", "worker1"), ("clf-bot", "CHANGE-ME"), ("", ""))
            )
            with redis.Redis(port=port, username="clf-admin", password="admin1", decode_responses=True) as admin:
                wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
                assert admin.config_get(*wanted) == wanted
            assert "admin1" not in (tmp_path / "users.acl").read_text()
            assert healthy() or not shutil.which("redis-cli")
        finally:
            server.terminate()
    assert server.returncode == 0, "asked to stop, it ends in good order"
    assert not healthy()


def logins(service: dict[str, Any]) -> list[tuple[str, str]]:
    return re.findall(r"^redis://([\w-]+):(\w+)@valkey:6379$", filled(service["environment"]["CLF_REDIS_URL"]))


def redis_at(port: int, user: str, password: str) -> bool:
    """Whether that user may speak with the server there."""
    once = Retry(NoBackoff(), 0)
    with redis.Redis(port=port, username=user or None, password=password or None, retry=once) as client:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.ResponseError):
            return False


def test_the_scalers_user_may_ask_how_long_the_queue_is_and_nothing_else(valkey: Broker):
    (line,) = [line for line in recipe(MANIFESTS) if line.startswith("user clf-scaler ")]
    _, name, *rules = line.replace("CHANGE-ME", "test").split()
    jobs, results = Keys().stream(StreamName.JOBS), Keys().stream(StreamName.RESULTS)
    with valkey.client() as admin:
        admin.execute_command("ACL", "SETUSER", name, "reset", *rules)
        try:
            with redis.Redis.from_url(valkey.url.replace("unix://", f"unix://{name}:test@")) as scaler:
                assert scaler.ping()
                assert scaler.xlen(jobs) == 0
                for refused in (
                    ("XLEN", results),
                    ("XADD", jobs, "*", "v", "1"),
                    ("XRANGE", jobs, "-", "+"),
                    ("INFO",),
                ):
                    with pytest.raises(NoPermissionError):
                        scaler.execute_command(*refused)
        finally:
            admin.execute_command("ACL", "DELUSER", name)
