"""What the files of the deployment promise, read from them."""

import json
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import pytest
import yaml
from kombu.utils.imports import symbol_by_name
from prometheus_client.registry import REGISTRY

from app.beat import Scheduler
from app.metrics import GAUGES, exposition
from app.version import VERSION

CHECKOUT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = sorted(SERVICES.keys() - {"migrate"})
DASHBOARD = json.loads((CHECKOUT / "deploy/grafana/dashboards/referral.json").read_text())
RULES = yaml.safe_load((CHECKOUT / "deploy/prometheus/rules.yml").read_text())
# What Prometheus itself adds.
OF_PROMETHEUS = {"up", "ALERTS"}


def test_only_nginx_publishes_a_port() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx"}
    assert not [s for s in SERVICES.values() if "network_mode" in s or s.get("privileged")]


def test_nginx_reaches_neither_postgresql_nor_redis() -> None:
    nginx = set(SERVICES["nginx"]["networks"])
    assert not nginx & {*SERVICES["postgres"]["networks"], *SERVICES["redis"]["networks"]}


def test_postgresql_and_redis_have_no_way_out() -> None:
    for name in ("postgres", "redis"):
        assert all(COMPOSE["networks"][network]["internal"] for network in networks(name))


def test_only_who_has_to_has_a_way_out_and_nginx_none_to_the_others() -> None:
    inside = {name for name, network in COMPOSE["networks"].items() if network}
    assert all(COMPOSE["networks"][name]["internal"] for name in inside)
    for name, service in SERVICES.items():
        outward = {"nginx": {"outer"}, "api": {"outside"}, "api-next": {"outside"}}
        assert set(service["networks"]) - inside == outward.get(
            name, {"outside"} if name == "worker" else set()
        )


def networks(name: str) -> list[str]:
    return SERVICES[name]["networks"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])


def test_every_image_of_the_dockerfile_is_pinned_to_a_release() -> None:
    images = re.findall("^FROM (.+?)(?: AS .+)?$", dockerfile(), re.MULTILINE)
    assert images
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", image) for image in images)


def ours() -> list[dict[str, Any]]:
    """The services that run the code of this checkout."""
    return [service for service in SERVICES.values() if "pull_policy" in service]


def test_the_image_of_the_service_is_built_once_by_what_all_its_containers_wait_for() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    waiting = [service for service in ours() if "build" not in service]
    assert waiting
    for service in waiting:
        condition = service["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_the_image_of_the_service_has_its_version() -> None:
    image = f"referral:{VERSION}"
    assert {service["image"] for service in ours()} == {image}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    user = service["user"].partition(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]


def test_the_image_of_the_service_does_not_run_as_root() -> None:
    user = re.findall(r"^USER (\d+):\d+$", dockerfile(), re.MULTILINE)[-1]
    assert int(user) > 0


@pytest.mark.parametrize("name", LASTING)
def test_every_service_is_watched_and_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["mem_limit"]


@pytest.mark.parametrize("name", ["api", "api-next"])
def test_gunicorn_is_given_longer_to_end_than_it_gives_its_requests(name: str) -> None:
    given = re.findall(r"^graceful_timeout = (\d+)$", gunicorn_conf(), re.MULTILINE)
    assert int(given[0]) < int(SERVICES[name]["stop_grace_period"].removesuffix("s"))


def test_nginx_is_stopped_by_the_signal_that_lets_it_finish() -> None:
    assert SERVICES["nginx"]["stop_signal"] == "SIGQUIT"


@pytest.mark.parametrize("name", ["api", "api-next", "worker", "beat", "flower"])
def test_nothing_starts_before_the_migrations_have_run(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"] == {
        "condition": "service_completed_successfully"
    }


def test_beat_is_the_one_that_minds_its_clock() -> None:
    command = COMPOSE["services"]["beat"]["command"]
    assert issubclass(symbol_by_name(command[command.index("-S") + 1]), Scheduler)


def test_no_secret_stands_in_the_environment_or_has_a_default() -> None:
    environments = [service.get("environment", {}) for service in SERVICES.values()]
    variables = chain.from_iterable(environment.items() for environment in environments)
    secret = re.compile("PASSWORD|SECRET|AUTH|TOKEN|_KEY")
    found = {name: value for name, value in variables if secret.search(name)}
    assert found
    assert all(
        value.startswith("/run/secrets/") for name, value in found.items() if "METHOD" not in name
    )


def test_secrets_are_made_once_and_are_never_the_same(tmp_path: Path) -> None:
    first, second = (made_secrets(tmp_path / name) for name in ("first", "second"))
    assert first.keys() == second.keys() == files_of_secrets()
    assert all(first[name] != second[name] for name in first)
    again = subprocess.run([tmp_path / "first" / "secrets.sh"], capture_output=True, check=False)
    assert again.returncode != 0
    assert secrets_in(tmp_path / "first") == first


def test_nobody_else_may_enter_the_folder_of_the_secrets(tmp_path: Path) -> None:
    made_secrets(tmp_path / "deploy")
    assert (tmp_path / "deploy" / "secrets").stat().st_mode & 0o777 == 0o700


def test_git_and_docker_take_no_secret_along() -> None:
    for folder in ("secrets", "certificates"):
        file = f"deploy/{folder}/something"
        ignored = subprocess.run(["git", "check-ignore", "-q", file], cwd=CHECKOUT, check=False)
        assert ignored.returncode == 0
    taken = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert next(line for line in taken if line and line[0] != "#") == "*"
    assert not [line for line in taken if line.startswith("!deploy") and "answers" not in line]


@pytest.mark.parametrize(
    ("status", "healthy"), [(200, True), (204, True), (302, False), (404, False), (503, False)]
)
def test_only_an_answer_of_success_is_a_sign_of_health(
    tmp_path: Path, status: int, healthy: bool
) -> None:
    with socket(AF_UNIX) as listening, ThreadPoolExecutor(1) as thread:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        thread.submit(answer_one, listening, status)
        command = [sys.executable, "deploy/answers.py", tmp_path / "socket", "/healthz"]
        run = subprocess.run(command, cwd=CHECKOUT, check=False)
    assert (run.returncode == 0) == healthy


def answer_one(listening: socket, status: int) -> None:
    """Answer whoever comes first with this status."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)


def test_every_variable_of_the_templates_is_given() -> None:
    templates = (CHECKOUT / "deploy/nginx/templates").glob("*.template")
    named = {name for t in templates for name in re.findall(r"\$\{([A-Z_]+)\}", t.read_text())}
    assert named <= SERVICES["nginx"]["environment"].keys()


QUESTIONS = {
    **{rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]},
    **{
        f"{panel['title']} {number}": target["expr"]
        for panel in DASHBOARD["panels"]
        for number, target in enumerate(panel["targets"])
    },
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_metric_that_is_asked_for_exists(question: str) -> None:
    asked = set(
        re.findall(r"\b(?:http|referral|process|up|ALERTS)(?:_\w+)?\b(?!\")", QUESTIONS[question])
    )
    assert asked
    assert asked <= counted() | GAUGES.keys() | OF_PROMETHEUS


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(QUESTIONS.values())
    ours = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("referral")}
    assert not [name for name in ours | GAUGES.keys() if name not in shown]


def counted() -> set[str]:
    """The names under which the service counts."""
    lines = exposition({}).decode().splitlines()
    types = [line.split()[2:] for line in lines if line.startswith("# TYPE")]
    suffixes = {"histogram": ["_bucket", "_count", "_sum"]}
    return {name + suffix for name, kind in types for suffix in suffixes.get(kind, [""])}


def gunicorn_conf() -> str:
    return (CHECKOUT / "gunicorn.conf.py").read_text()


def dockerfile() -> str:
    return (CHECKOUT / "Dockerfile").read_text()


def files_of_secrets() -> set[str]:
    return {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}


def made_secrets(folder: Path) -> dict[str, str]:
    (folder / "secrets").mkdir(parents=True)
    script = folder / "secrets.sh"
    script.write_bytes((CHECKOUT / "deploy/secrets.sh").read_bytes())
    script.chmod(0o755)
    subprocess.run([script], check=True)
    return secrets_in(folder)


def secrets_in(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (folder / "secrets").iterdir()}
