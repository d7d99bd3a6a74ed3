"""The examples for containers, services and clusters: right by their schemas, and about what the code really has."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from bot.process import REPLIES_MAY_TAKE
from tests.conftest import REPOSITORY
from tests.docs.test_cli import calls, complaint
from tests.docs.test_settings import table
from worker.jobs import Keys, StreamName
from worker.service import DRAIN_SECONDS

EXAMPLES = REPOSITORY / "examples"
COMPOSE = EXAMPLES / "compose.yaml"
MANIFESTS = EXAMPLES / "kubernetes.yaml"
UNITS = sorted((EXAMPLES / "systemd").glob("*.service"))
FILES = [COMPOSE, MANIFESTS, *UNITS]
KUBERNETES = "1.37"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:\?[^}]+)?\}")
PASSWORDS = {f"CLF_{user}_PASSWORD": f"{user.lower()}1" for user in ("BOT", "WORKER", "ADMIN")}
# Tenths of what `systemd-analyze security` calls exposure; the default of a unit is 96.
EXPOSED = "20"
# What a unit may say beside `Protect...=`, `Private...=` and `Restrict...=`.
UNIT_KEYS = {"Description", "Wants", "After", "WantedBy"}
SERVICE_KEYS = {"CapabilityBoundingSet", "Environment", "EnvironmentFile", "ExecStart", "KillMode", "LimitCORE"}
SERVICE_KEYS |= {"IPAddressAllow", "IPAddressDeny", "MemoryMax", "TasksMax"}
SERVICE_KEYS |= {"LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "ProcSubset", "Restart", "RestartSec"}
SERVICE_KEYS |= {"StateDirectory", "SystemCallArchitectures", "SystemCallErrorNumber", "SystemCallFilter"}
SERVICE_KEYS |= {"TimeoutStopSec", "UMask", "User"}
# KEDA's own names, from its documentation of ScaledObject and of the trigger redis-streams.
SCALED_KEYS = {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "advanced", "triggers"}
TRIGGER_KEYS = {"address", "enableTLS", "stream", "streamLength"}


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def compose_schema() -> dict[str, Any]:
    folder = resources.files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((folder / "compose-spec.json").read_text())


def manifests(kind: str = "") -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(MANIFESTS.read_text()) if not kind or one["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests("Deployment")}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    parser.read(path)
    return parser


def filled(text: str) -> str:
    """As Compose hands it on: variables replaced, doubled dollars halved."""
    return VARIABLE.sub(lambda found: PASSWORDS[found[1]], text).replace("$$", "$")


def recipe(path: Path) -> list[str]:
    """The command lines at the head of a file."""
    head = path.read_text().partition("\n\n")[0]
    return [line.removeprefix("#   ") for line in head.splitlines() if line.startswith("#   ")]


def verdict(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)  # pyright: ignore[reportUnknownMemberType]


def test_compose_keeps_to_the_compose_specification():
    jsonschema.validate(compose(), compose_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose() | {"services": {"bot": {"imagination": "clf-bot"}}}, compose_schema())


@pytest.mark.parametrize("one", manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_objects_keep_to_its_schemas(one: dict[str, Any]):
    if one["apiVersion"].startswith("keda.sh/"):  # has no schema in there; what we use of it is looked at below
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
        return
    verdict(one)
    with pytest.raises(kubernetes_validate.ValidationError):
        verdict(one | {"spec": one["spec"] | {"imagination": {}}})


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_have_known_keys_only_and_say_what_runs(path: Path):
    sections = unit(path)
    assert sections.sections() == ["Unit", "Service", "Install"]
    assert set(sections["Unit"]) | set(sections["Install"]) <= UNIT_KEYS
    service = sections["Service"]
    assert {key for key in service if not re.match("Protect|Private|Restrict[A-Z]", key)} <= SERVICE_KEYS
    assert service["ExecStart"].endswith(f"/python -m {path.stem.removeprefix('clf-')}")
    assert {"User", "EnvironmentFile", "NoNewPrivileges", "ProtectSystem", "Restart"} <= set(service)
    if "StateDirectory" in service:
        assert service["Environment"] == f"CLF_HOME=/var/lib/{service['StateDirectory']}"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_every_line_and_finds_little_exposed(path: Path, tmp_path: Path):
    # The program need not be there for its unit to be right.
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace("/opt/clf/.venv/bin/python", "/bin/true"))

    def analyze(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["systemd-analyze", *words, str(copy)], capture_output=True, text=True, check=False)

    checked = analyze("verify", "--man=no")
    assert [line for line in checked.stderr.splitlines() if path.name in line] == []
    exposed = analyze("security", "--offline=true", f"--threshold={EXPOSED}", "--no-pager")
    assert exposed.returncode == 0, exposed.stdout + exposed.stderr


def test_everything_has_more_time_to_end_than_the_code_takes():
    assert REPLIES_MAY_TAKE.total_seconds() < DRAIN_SECONDS, "the same margin is right for both"
    services = compose()["services"]
    given = {
        f"compose {name}": int(services[name]["stop_grace_period"].removesuffix("s")) for name in ("bot", "worker")
    }
    given |= {name: pod["terminationGracePeriodSeconds"] for name, pod in pods().items()}
    given |= {path.name: int(unit(path)["Service"]["TimeoutStopSec"]) for path in UNITS}
    assert len(given) == 6
    assert {name: seconds for name, seconds in given.items() if seconds < DRAIN_SECONDS + 5} == {}


def test_containers_have_no_rights_and_publish_nothing():
    for name, service in compose()["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service, "nothing is published"
        assert ("outside" in service["networks"]) == (name == "bot"), "only the bot speaks with Slack"
    assert compose()["networks"]["inside"]["internal"] is True
    for pod in pods().values():
        assert pod["securityContext"]["runAsUser"] == 10001, "as in the Dockerfile"
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_worker_reaches_redis_alone():
    """Texts are with the worker: of the network it sees no more than it needs."""
    assert compose()["services"]["worker"]["networks"] == ["inside"]
    (policy,) = (one["spec"] for one in manifests("NetworkPolicy"))
    (worker,) = (one for one in manifests("Deployment") if one["metadata"]["name"] == "clf-worker")
    assert policy["podSelector"] == worker["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {6379, 53}
    assert all(rule["to"] for rule in policy["egress"]), "a rule without a place would let all through"
    (service,) = (unit(path)["Service"] for path in UNITS if path.stem == "clf-worker")
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")


def test_a_node_with_the_only_worker_can_be_drained():
    (budget,) = manifests("PodDisruptionBudget")
    assert "minAvailable" not in budget["spec"]
    assert budget["spec"]["selector"]["matchLabels"] in [
        one["spec"]["selector"]["matchLabels"] for one in manifests("Deployment")
    ]


def test_images_are_pinned():
    for service in compose()["services"].values():
        assert "build" in service or re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+(-\w+)?", service["image"])
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    for name, pod in pods().items():
        assert [container["image"] for container in pod["containers"]] == [f"{name}:{version}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings_and_commands_named_are_ours_and_no_secret_stands_there(path: Path):
    text = path.read_text()
    named = set(re.findall(r"\b(?:CLF|SLACK)_[A-Z_]+[A-Z]\b", text))
    assert named - PASSWORDS.keys() <= table().keys()
    assert [(call, why) for call in calls(path) if (why := complaint(call))] == []
    assert not re.search(r"xox[abp]-\w|xapp-\w|[0-9a-f]{32}", text)
    logins = re.findall(r"rediss?://[\w-]+:(.*?)@", text)
    assert [login for login in logins if not VARIABLE.fullmatch(login)] == []
    assert "CHANGE-ME" in (EXAMPLES / "users.acl").read_text()


def test_compose_stops_with_a_word_where_a_password_is_missing():
    found = VARIABLE.findall(COMPOSE.read_text())
    assert {name for name, _ in found} == PASSWORDS.keys()
    assert all(message for _, message in found)
    for name in ("bot", "worker"):
        assert set(compose()["services"][name]["environment"]) == {"CLF_REDIS_URL"}


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_head_of_compose_makes_the_files_it_asks_for(tmp_path: Path):
    *lines, last = recipe(COMPOSE)
    assert last.startswith("docker compose up ")
    subprocess.run(["sh", "-euc", "\n".join(lines)], cwd=tmp_path, check=True)
    written = dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())
    assert written.keys() == PASSWORDS.keys()
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in written.values())
    assert {service["env_file"][0] for service in compose()["services"].values() if "env_file" in service} == {
        "bot.env"
    }
    settings = [line.partition("=")[0] for line in (tmp_path / "bot.env").read_text().splitlines()]
    assert settings == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_workers_are_scaled_by_the_stream_they_read():
    (scaled,), (login,) = manifests("ScaledObject"), manifests("TriggerAuthentication")
    assert set(scaled["spec"]) == SCALED_KEYS
    assert scaled["spec"]["scaleTargetRef"]["name"] == "clf-worker"
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["type"] == "redis-streams"
    # With a consumerGroup KEDA ignores streamLength.
    assert set(trigger["metadata"]) == TRIGGER_KEYS
    assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes text only"
    assert trigger["metadata"]["stream"] == Keys().stream(StreamName.JOBS)
    assert trigger["authenticationRef"]["name"] == login["metadata"]["name"]
    assert [one["parameter"] for one in login["spec"]["secretTargetRef"]] == ["username", "password"]
    (worker,) = [one for one in manifests("Deployment") if one["metadata"]["name"] == "clf-worker"]
    assert "replicas" not in worker["spec"], "each apply would undo what KEDA chose"
