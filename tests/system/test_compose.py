"""The deployment as docker-compose.yaml describes it, started as plain processes."""

import json
import os
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
import redis

from dev.waiting import wait_until
from tests.deployed.together import meanwhile, outcomes
from tests.people import People
from tests.problems import assert_problem
from tests.system.compose import CHECKOUT
from tests.system.deployment import Deployment

CHECKED = ["nginx", "api", "worker", "beat", "flower", "postgres", "redis", "prometheus"]
DASHBOARD = CHECKOUT / "deploy" / "grafana" / "dashboards" / "referral.json"


@pytest.fixture(scope="module")
def deployment(folder: Path) -> Iterator[Deployment]:
    deployment = Deployment(folder)
    with deployment.running():
        yield deployment


@pytest.fixture
def http(deployment: Deployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.nginx.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("name", CHECKED)
def test_every_service_becomes_healthy(deployment: Deployment, name: str) -> None:
    wait_until(deployment.containers[name].is_healthy, f"health of {name}")


def test_it_works_behind_nginx(http: httpx.Client) -> None:
    person = People(http)(referral_code=People(http)().publish()["code"])
    assert person.get("/auth/me").json()["referrer"]
    assert http.get("/readyz").json()["status"] == "ready"


def test_the_service_is_no_superuser(deployment: Deployment) -> None:
    settings = json.loads((deployment.folder / "secrets" / "settings.json").read_text())
    with psycopg2.connect(settings["SQLALCHEMY_DATABASE_URI"]) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        assert cursor.fetchall() == [(False,)]
        cursor.execute("SHOW data_checksums")
        assert cursor.fetchall() == [("on",)]


def test_nobody_but_the_service_gets_into_its_database_by_the_network(
    deployment: Deployment,
) -> None:
    settings = json.loads((deployment.folder / "secrets" / "settings.json").read_text())
    with psycopg2.connect(settings["SQLALCHEMY_DATABASE_URI"]) as connection:
        cursor = connection.cursor()
        # That role has of itself no more than everybody has.
        cursor.execute("SELECT has_database_privilege('pg_monitor', current_database(), 'CONNECT')")
        assert cursor.fetchall() == [(False,)]
        cursor.execute("SELECT usename FROM pg_user WHERE usesuper")
        ((superuser,),) = cursor.fetchall()
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(
            host="127.0.0.1",
            port=deployment.ports["postgres"],
            dbname="postgres",
            user=superuser,
            password=secret(deployment, "postgres_password"),
        )


def test_postgresql_logs_no_row_and_no_statement(deployment: Deployment) -> None:
    settings = json.loads((deployment.folder / "secrets" / "settings.json").read_text())
    with psycopg2.connect(settings["SQLALCHEMY_DATABASE_URI"]) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT current_setting('log_error_verbosity')")
        assert cursor.fetchall() == [("terse",)]
        cursor.execute("SELECT current_setting('log_min_error_statement')")
        assert cursor.fetchall() == [("panic",)]


def test_no_header_of_anybodys_moves_the_path_by_the_socket_either(deployment: Deployment) -> None:
    socket = str(deployment.folder / "sockets" / "api.sock")
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
        response = client.get("http://x/below/healthz", headers={"SCRIPT_NAME": "/below"})
    assert_problem(response, 404, "not_found")


def test_flower_logs_no_query(deployment: Deployment, http: httpx.Client) -> None:
    # What it says of the first is written before it answers the second.
    for _ in range(2):
        http.get("/flower/nowhere?email=canary@example.com")
    assert "canary" not in deployment.containers["flower"].logged()


def test_flower_asks_for_its_password_and_shows_the_worker(
    deployment: Deployment, http: httpx.Client
) -> None:
    assert http.get("/flower/").status_code == HTTPStatus.UNAUTHORIZED
    assert http.get("/flower/metrics").status_code == HTTPStatus.NOT_FOUND
    user, password = re.findall("'(.+):(.+)'", secret(deployment, "flower.py"))[0]
    assert http.get("/flower/", auth=(user, "wrong")).status_code == HTTPStatus.UNAUTHORIZED

    def shows_worker() -> bool:
        return "celery@" in http.get("/flower/workers", auth=(user, password)).text

    wait_until(shows_worker, "worker in Flower")


def test_grafana_need_not_be_there(http: httpx.Client) -> None:
    assert_problem(http.get("/grafana/"), 503, "unavailable")


def test_redis_asks_for_its_password(deployment: Deployment) -> None:
    with (
        redis.Redis(port=deployment.ports["redis"]) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_a_full_redis_gives_up_copies_and_no_call_to_a_worker(deployment: Deployment) -> None:
    url = json.loads(secret(deployment, "settings.json"))["REDIS_URL_CACHE"]
    with redis.Redis.from_url(url) as client:
        for number in range(100):
            client.rpush(f"calls {number}", "call")
        for number in range(300):
            client.set(f"copy {number}", bytes(1024 * 1024), ex=60)
        assert len(client.keys("copy *")) < 300
        assert len(client.keys("calls *")) == 100
        client.flushdb()


def test_prometheus_reads_all_of_it_and_has_nothing_to_alert(
    deployment: Deployment, http: httpx.Client
) -> None:
    People(http)()
    wait_until(lambda: values(deployment, 'up{job="referral"}') == [1], "first reading", 40)
    wait_until(lambda: {"ok"} == healths_of_rules(deployment), "rules at work", 40)
    registrations = "sum(referral_registrations_total) > 0"
    wait_until(lambda: values(deployment, registrations) != [], "counted registration", 40)
    # What asks what happened lately has nothing to go by at first, and one looks back for minutes.
    wait_until(lambda: alerts(deployment) <= {"Slow"}, "end of what is pending")


def test_prometheus_understands_every_question_of_the_dashboard(deployment: Deployment) -> None:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            values(deployment, target["expr"].replace("$__rate_interval", "1m"))


def test_no_forged_address_reaches_a_log(deployment: Deployment, http: httpx.Client) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7", "X-Real-IP": "198.51.100.7"}
    id_ = http.get("/healthz", headers=headers).headers["X-Request-ID"]
    api = deployment.containers["api"]
    wait_until(lambda: id_ in api.logged() and id_ in deployment.nginx.logged(), "lines", 5)
    assert "198.51.100" not in api.logged() + deployment.nginx.logged()


def test_a_stopped_service_is_unavailable_and_comes_back(
    deployment: Deployment, http: httpx.Client
) -> None:
    api = deployment.containers["api"]
    assert api.stop() == 0
    assert not api.is_healthy()
    response = http.get("/auth/me?email=canary@example.com")
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert "canary" not in deployment.nginx.logged()
    api.start()
    wait_until(lambda: http.get("/readyz").is_success, "answer of the service")


def test_an_upgrade_refuses_nobody(deployment: Deployment, http: httpx.Client) -> None:
    """As the README says: the next one comes, the first is made anew, the next one goes."""
    api, after = (deployment.containers[name] for name in ("api", "api-next"))
    person = People(http)()
    responses: list[httpx.Response] = []

    def read_and_write() -> None:
        responses.append(person.get("/auth/me"))
        responses.append(person.post("/referral/code", {"lifetime_minutes": 60}))

    with meanwhile(read_and_write):
        after.start()
        wait_until(after.is_healthy, "health of the next one")
        assert api.stop() == 0
        assert http.get("/readyz").is_success
        api.start()
        wait_until(api.is_healthy, "health of the first one")
        assert after.stop() == 0
    assert outcomes(responses).keys() <= {"200", "201"}
    assert len(responses) > 100


def test_a_worker_that_was_stopped_is_not_healthy(deployment: Deployment) -> None:
    worker = deployment.containers["worker"]
    worker.stop()
    assert not worker.is_healthy()
    worker.start()


def test_a_beat_that_writes_no_more_is_not_healthy(deployment: Deployment) -> None:
    beat = deployment.containers["beat"]
    assert beat.is_healthy()
    for written in deployment.folder.glob("beat*"):
        os.utime(written, (0, 0))
    assert not beat.is_healthy()


def secret(deployment: Deployment, name: str) -> str:
    return (deployment.folder / "secrets" / name).read_text()


def values(deployment: Deployment, query: str) -> list[float]:
    """What Prometheus answers; raises an error where it does not understand."""
    answer = ask(deployment, "query", query=query)
    return [float(sample["value"][1]) for sample in answer["result"]]


def alerts(deployment: Deployment) -> set[str]:
    """The names of all that are pending or firing."""
    return {each["labels"]["alertname"] for each in ask(deployment, "alerts")["alerts"]}


def healths_of_rules(deployment: Deployment) -> set[str]:
    groups = ask(deployment, "rules")["groups"]
    return {rule["health"] for group in groups for rule in group["rules"]}


def ask(deployment: Deployment, what: str, **parameters: str) -> Any:
    url = f"http://127.0.0.1:{deployment.ports['prometheus']}/api/v1/{what}"
    answer = httpx.get(url, params=parameters, trust_env=False)
    return answer.raise_for_status().json()["data"]
