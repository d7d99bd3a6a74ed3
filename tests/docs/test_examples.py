"""The examples for containers, services and clusters: right by their schemas, and about what the code really has."""

import configparser
import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.conftest import REPOSITORY
from worker.jobs import Keys, StreamName

EXAMPLES = REPOSITORY / "examples"
UNITS = sorted((EXAMPLES / "systemd").glob("*.service"))
# What a bot and a worker may take to end: see docs/operations.md.
ENDS_WITHIN = 20
KUBERNETES = "1.37"


def compose() -> dict[str, Any]:
    return yaml.safe_load((EXAMPLES / "compose.yaml").read_text())


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text()))


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    parser.read(path)
    return parser


def test_compose_keeps_to_the_compose_specification():
    schema = resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text()))


def test_the_schema_would_notice():
    schema = json.loads((resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose() | {"services": {"bot": {"imagination": "clf-bot"}}}, schema)


@pytest.mark.parametrize("number", range(len(manifests())))
def test_kubernetes_objects_keep_to_its_schemas(number: int):
    one = manifests()[number]
    if one["apiVersion"].startswith("keda.sh/"):  # has no schema in there; what we use of it is looked at below
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
    else:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)  # pyright: ignore[reportUnknownMemberType]


def test_kubernetes_schemas_would_notice():
    one = manifests()[0]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one | {"specification": {}}, KUBERNETES, strict=True)  # pyright: ignore


def test_workers_are_scaled_by_the_stream_they_read():
    scaled = next(one for one in manifests() if one["kind"] == "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["type"] == "redis-streams"
    assert trigger["metadata"]["stream"] == Keys().stream(StreamName.JOBS)
    names = {(one["kind"], one["metadata"]["name"]) for one in manifests()}
    assert ("Deployment", scaled["spec"]["scaleTargetRef"]["name"]) in names
    assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in names


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_say_what_runs_and_give_it_time_to_end(path: Path):
    service = unit(path)["Service"]
    module = path.stem.removeprefix("clf-")
    assert service["ExecStart"].endswith(f"/python -m {module}")
    assert int(service["TimeoutStopSec"]) > ENDS_WITHIN
    assert {"User", "EnvironmentFile", "NoNewPrivileges", "ProtectSystem", "Restart"} <= set(service)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_every_line(path: Path, tmp_path: Path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    # The program need not be there for its unit to be right.
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace("/opt/clf/.venv/bin/python", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if path.name in line]
    assert ours == []


def test_processes_of_compose_have_time_to_end_and_no_rights():
    services = compose()["services"]
    for name in ("bot", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > ENDS_WITHIN
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "ports" not in service, "nothing is published"


def test_pods_have_time_to_end_and_no_rights():
    deployments = [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"]
    assert len(deployments) == 2
    for pod in deployments:
        assert pod["terminationGracePeriodSeconds"] > ENDS_WITHIN
        assert pod["securityContext"]["runAsUser"] == 10001, "as in the Dockerfile"
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert re.search(r":\d", container["image"]), "a version, not whatever is newest"


def test_every_setting_named_is_one_and_no_secret_stands_there():
    known = set(re.findall(r"^\| `([A-Z_]+)` \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE))
    passwords = {f"CLF_{user}_PASSWORD" for user in ("BOT", "WORKER", "ADMIN")}  # compose's own, explained at its head
    for path in (EXAMPLES / "compose.yaml", EXAMPLES / "kubernetes.yaml", *UNITS):
        text = path.read_text()
        named = set(re.findall(r"\b(?:CLF|SLACK)_[A-Z_]+[A-Z]\b", text))
        assert named <= known | passwords, path
        assert not re.search(r"xox[bap]-[0-9A-Za-z]|xapp-[0-9A-Za-z]", text)
        for login in re.findall(r"rediss?://[\w-]+:([^@\s]*)@", text):
            assert login == "…" or login.startswith("${"), path
