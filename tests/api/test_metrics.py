"""What is counted, under names and labels that a dashboard may rely on."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from app import tasks
from app.queue import TaskCrashed
from app.version import VERSION
from tests.people import PASSWORD, People
from tests.routes import routes_of

Sql = Callable[..., list[tuple[Any, ...]]]

# The name of a sample and its labels, `name{a="1",b="2"}`, and by how much it grew.
Growth = Counter[str]
Counting = Callable[[], AbstractContextManager[Growth]]

LABELS = {
    "http_requests_total": {"method", "route", "status"},
    "http_request_duration_seconds_count": {"method", "route", "status"},
    "http_request_duration_seconds_bucket": {"method", "route", "status", "le"},
    "referral_registrations_total": {"with_code"},
    "referral_joins_total": {"how"},
    "referral_lookups_total": {"result"},
    "referral_logins_total": {"outcome"},
}
ADDRESS = "typed@example.com"


@pytest.fixture
def counting(http: httpx.Client) -> Counting:
    """Tells what the service counted meanwhile: `with counting() as counted: …`."""

    @contextmanager
    def count() -> Iterator[Growth]:
        growth: Growth = Counter()
        before = samples(http)
        yield growth
        after = samples(http)
        growth.update({name: int(after[name] - before.get(name, 0)) for name in after})

    return count


def test_the_exposition_is_prometheus_text(http: httpx.Client) -> None:
    response = http.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert list(text_string_to_metric_families(response.text))


def test_every_metric_has_the_labels_it_is_known_for(http: httpx.Client, register: People) -> None:
    live(http, register)
    found = {s.name: set(s.labels) for s in all_samples(http) if s.name in LABELS}
    assert found == LABELS


def test_a_request_is_counted_by_method_route_and_status(
    http: httpx.Client, register: People, counting: Counting
) -> None:
    person = register()
    with counting() as counted:
        person.get("/referral/referrals/12345")
    labels = labelled("GET", "/referral/referrals/<id:referrer_id>", 404)
    assert counted[f"http_requests_total{labels}"] == 1
    assert counted[f"http_request_duration_seconds_count{labels}"] == 1


def test_every_status_of_a_route_is_counted_for_itself(
    http: httpx.Client, register: People, counting: Counting
) -> None:
    person = register()
    with counting() as counted:
        person.post("/auth/login", {"email": person.email, "password": PASSWORD})
        person.post("/auth/login", {"email": person.email, "password": "wrong"})
        http.post("/auth/login", content=b"{")
        http.post("/auth/login", content=b" " * 65_537)
    for status in (200, 401, 413, 415):
        assert counted[f"http_requests_total{labelled('POST', '/auth/login', status)}"] == 1


@pytest.mark.parametrize(("with_code", "label"), [(False, "false"), (True, "true")])
def test_a_registration_is_counted(
    register: People, counting: Counting, with_code: bool, label: str
) -> None:
    code = register().publish()["code"]
    with counting() as counted:
        register(**({"referral_code": code} if with_code else {}))
    assert only(counted, "referral_registrations") == {f'{{with_code="{label}"}}': 1}


def test_a_refused_registration_is_not_counted(
    http: httpx.Client, register: People, counting: Counting
) -> None:
    email = register().email
    with counting() as counted:
        http.post("/auth/register", json={"email": email, "password": PASSWORD})
    assert only(counted, "referral_registrations") == {}


def test_a_join_at_registration_is_counted(register: People, counting: Counting) -> None:
    code = register().publish()["code"]
    with counting() as counted:
        register(referral_code=code)
    assert only(counted, "referral_joins") == {'{how="registration"}': 1}


def test_a_join_by_activation_is_counted_when_it_is_granted(
    register: People, counting: Counting
) -> None:
    code, newcomer = register().publish()["code"], register()
    with counting() as counted:
        newcomer.post("/referral/activate", {"code": code})
        newcomer.post("/referral/activate", {"code": code})
    assert only(counted, "referral_joins") == {'{how="activation"}': 1}


def test_a_look_up_is_counted_by_where_its_answer_came_from(
    http: httpx.Client, register: People, counting: Counting
) -> None:
    owner = register()
    owner.publish()
    with counting() as counted:
        for email in (owner.email, owner.email, owner.email, ADDRESS):
            http.get("/referral/code/by-email", params={"email": email})
    results = {'{result="miss"}': 1, '{result="hit"}': 2, '{result="none"}': 1}
    assert only(counted, "referral_lookups") == results


def test_a_task_that_crashed_is_counted_as_failed(
    app: Flask, counting: Counting, without_table: Callable[[str], AbstractContextManager[None]]
) -> None:
    with (
        counting() as counted,
        app.app_context(),
        without_table("outbox"),
        pytest.raises(TaskCrashed),
    ):
        tasks.outbox.send_mails()
    ran = 'referral_task_duration_seconds_count{outcome="failed",task="outbox.send_mails"}'
    assert counted[ran] == 1


def test_an_attempt_to_log_in_is_counted_by_its_outcome(
    http: httpx.Client, register: People, sql: Sql, counting: Counting
) -> None:
    email = register().email
    with counting() as counted:
        for password in (PASSWORD, "wrong", "wrong"):
            http.post("/auth/login", json={"email": email, "password": password})
        sql("UPDATE failed_attempts SET retry_at = now() + interval '1 minute'")
        http.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert only(counted, "referral_logins") == {
        '{outcome="success"}': 1,
        '{outcome="invalid_credentials"}': 2,
        '{outcome="too_many_attempts"}': 1,
    }


def test_a_password_grant_is_counted_as_an_attempt_to_log_in(
    http: httpx.Client, register: People, counting: Counting
) -> None:
    form = {"grant_type": "password", "username": register().email}
    with counting() as counted:
        http.post("/auth/token", data=form | {"password": PASSWORD})
        http.post("/auth/token", data=form | {"password": "wrong"})
    outcomes = {'{outcome="success"}': 1, '{outcome="invalid_credentials"}': 1}
    assert only(counted, "referral_logins") == outcomes


def test_requests_are_counted_while_they_are_answered(http: httpx.Client) -> None:
    for path in ("/healthz", "/nothing", "/auth/me"):
        http.get(path)
    # The one that asks.
    assert samples(http)['http_requests_in_progress{method="GET"}'] == 1


def test_the_version_is_told(http: httpx.Client) -> None:
    assert samples(http)[f'referral_info{{version="{VERSION}"}}'] == 1


def test_the_parts_that_answer_are_told(http: httpx.Client) -> None:
    values = samples(http)
    assert values["referral_postgresql_up{}"] == 1
    assert values["referral_redis_up{}"] == 1


def test_labels_never_hold_what_a_client_typed(http: httpx.Client, register: People) -> None:
    headers = {"X-Request-ID": "typed", "User-Agent": "typed", "Authorization": "Bearer typed"}
    for method in ("GET", "POST", "TYPED"):
        for path in ("/typed", "/auth/typed", "/static/typed.js", "/referral/codes/7?typed=typed"):
            http.request(method, path, headers=headers, json={"email": ADDRESS})
    http.post("/auth/login", json={"email": ADDRESS, "password": "typed"})
    http.get("/referral/code/by-email", params={"email": ADDRESS})
    http.post("/auth/token", data={"grant_type": "typed"})
    text = http.get("/metrics").text
    assert "typed" not in text.lower()
    assert "/codes/7" not in text


def test_routes_and_methods_are_those_there_are(app: Flask, http: httpx.Client) -> None:
    for number in range(20):
        http.request(f"METHOD{number}", f"/path/{number}")
    requests = [each for each in all_samples(http) if each.name == "http_requests_total"]
    known = {route.rule for route in routes_of(app)} | {"unmatched"}
    assert {each.labels["route"] for each in requests} <= known
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert {each.labels["method"] for each in requests} <= methods


def live(http: httpx.Client, register: People) -> None:
    """Let everything happen that is counted."""
    owner = register()
    register(referral_code=owner.publish()["code"])
    owner.log_in()
    http.get("/referral/code/by-email", params={"email": owner.email})


def labelled(method: str, route: str, status: int) -> str:
    return f'{{method="{method}",route="{route}",status="{status}"}}'


def only(growth: Growth, metric: str) -> dict[str, int]:
    """By how much the counter grew, by its labels."""
    name = f"{metric}_total"
    return {key.removeprefix(name): n for key, n in growth.items() if n and key.startswith(name)}


def samples(http: httpx.Client) -> dict[str, float]:
    """All values, by the names and labels of their samples."""
    return {
        each.name + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(each.labels.items())) + "}": (
            each.value
        )
        for each in all_samples(http)
    }


def all_samples(http: httpx.Client) -> list[Any]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return [sample for family in families for sample in family.samples]
