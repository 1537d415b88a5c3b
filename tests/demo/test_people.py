"""The people of `flask demo`: what operators and benchmarks count on."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from flask import Flask

from app.services.codes import ALPHABET
from app.services.demo import PASSWORD, referrals
from app.services.demo.past import Past
from tests.demo.filling import CODES, REFERRALS, USERS, fill
from tests.endings import Sql
from tests.people import Person
from tests.serving import served


@pytest.fixture
def filled(app: Flask) -> None:
    """They are there."""
    result = fill(app)
    assert result.exit_code == 0, result.output


@pytest.fixture
def http(app: Flask) -> Iterator[httpx.Client]:
    with served(app) as url, httpx.Client(base_url=url, timeout=30, verify=False) as client:
        yield client


def graph(sql: Sql) -> list[tuple[object, ...]]:
    return sql(
        "SELECT referee_id, referrer_id, code, joined_by FROM referrals"
        " JOIN codes ON codes.id = code_id ORDER BY referee_id"
    )


def somebody(http: httpx.Client, user_id: int) -> Person:
    """One of them, who logs in with the password that the command tells."""
    credentials = {"email": f"user{user_id}@example.com", "password": PASSWORD}
    response = http.post("/auth/login", json=credentials)
    assert response.status_code == 200, response.text
    return Person(http, credentials["email"], PASSWORD, response.json())


@pytest.mark.usefixtures("filled")
def test_they_registered_one_after_the_other_over_two_years(sql: Sql) -> None:
    disorder = """
        SELECT count(*) FROM users a JOIN users b ON b.id = a.id + 1
        WHERE b.created_at <= a.created_at
    """
    assert sql(disorder) == [(0,)]
    assert sql("SELECT min(id), max(id) FROM users") == [(1, USERS)]
    assert sql("SELECT now() - min(created_at) > '729 days' FROM users") == [(True,)]
    future = """
        SELECT count(*) FROM users
        WHERE greatest(created_at, email_verified_at, password_changed_at) > now()
    """
    assert sql(future) == [(0,)]


@pytest.mark.usefixtures("filled")
def test_they_are_of_several_kinds_and_no_admins(sql: Sql) -> None:
    verified, english, russian, admins = sql("""
        SELECT count(email_verified_at), count(*) FILTER (WHERE language = 'en'),
            count(*) FILTER (WHERE language = 'ru'), count(*) FILTER (WHERE is_admin)
        FROM users
    """)[0]
    assert USERS / 2 < verified < USERS
    assert USERS / 2 < english < USERS
    assert russian == USERS - english
    assert admins == 0


@pytest.mark.usefixtures("filled")
def test_everybody_has_five_codes_and_nine_in_ten_an_active_one(sql: Sql) -> None:
    assert sql("SELECT DISTINCT count(*) FROM codes GROUP BY user_id") == [(5,)]
    active = "is_activated AND expires_at BETWEEN now() AND now() + interval '1 year'"
    assert sql(f"SELECT count(*) FROM codes WHERE {active}") == [(USERS * 9 // 10,)]
    newest = "(SELECT max(id) FROM codes other WHERE other.user_id = codes.user_id)"
    assert sql(f"SELECT count(*) FROM codes WHERE is_activated AND id <> {newest}") == [(0,)]


@pytest.mark.usefixtures("filled")
def test_the_other_codes_ended_in_every_way(sql: Sql) -> None:
    ends = sql("""
        SELECT is_activated, expires_at > now(), deleted_at < now(), count(*) FROM codes
        WHERE NOT (is_activated AND expires_at > now()) GROUP BY 1, 2, 3
    """)
    assert {end[:3] for end in ends} == {
        (True, False, None),
        (False, False, None),
        (False, True, None),
        (False, True, True),
    }


@pytest.mark.usefixtures("filled")
def test_the_wordings_look_like_those_of_the_service(sql: Sql) -> None:
    assert sql("SELECT count(*) FROM codes WHERE code !~ %s", f"^[{ALPHABET}]{{8}}$") == [(0,)]
    for place in range(1, 9):
        letters = sql("SELECT count(DISTINCT substr(code, %s, 1)) FROM codes", place)
        assert letters == [(len(ALPHABET),)]


@pytest.mark.usefixtures("filled")
def test_everybody_was_brought_by_a_code_that_worked_when_they_joined(sql: Sql) -> None:
    odd = """
        SELECT count(*) FROM referrals r
        JOIN users referee ON referee.id = r.referee_id JOIN codes c ON c.id = r.code_id
        WHERE c.user_id <> r.referrer_id OR r.created_at < c.created_at
            OR r.created_at > least(c.expires_at, c.deleted_at)
            OR r.created_at < referee.created_at OR r.created_at > now()
            OR (r.joined_by = 'registration' AND r.created_at <> referee.created_at)
    """
    assert sql(odd) == [(0,)]
    assert sql("SELECT DISTINCT joined_by FROM referrals ORDER BY 1") == [
        ("activation",),
        ("registration",),
    ]


@pytest.mark.usefixtures("filled")
def test_few_brought_very_many_and_most_nobody(sql: Sql) -> None:
    brought = [
        count for (count,) in sql("SELECT count(*) FROM referrals GROUP BY referrer_id ORDER BY 1")
    ]
    assert sql("SELECT count(*) FROM referrals WHERE referrer_id = 1") == [(REFERRALS // 2,)]
    assert len(brought) < USERS / 3
    assert sum(brought[-10:-1]) > (REFERRALS - REFERRALS // 2) / 4
    assert brought[len(brought) // 2] == 1


def test_the_first_brought_no_more_than_two_hundred_thousand() -> None:
    past = Past(datetime(2026, 11, 21, tzinfo=UTC), people=450_001)
    brought = Counter(referrer_id for _, referrer_id, *_ in referrals.rows(past, 450_000))
    assert brought[1] == 200_000
    assert brought.total() == 450_000


def test_the_same_numbers_make_the_same_graph(app: Flask, sql: Sql) -> None:
    fill(app)
    first = graph(sql)
    sql("TRUNCATE users, codes, referrals CASCADE")
    fill(app)
    assert graph(sql) == first


@pytest.mark.usefixtures("filled")
def test_they_log_in_and_see_whom_they_brought(http: httpx.Client) -> None:
    first = somebody(http, 1)
    me = first.get("/auth/me").json()
    assert me["referrals_count"] == REFERRALS // 2
    assert len(first.get("/referral/codes").json()["codes"]) > 0


@pytest.mark.usefixtures("filled")
def test_an_active_code_is_found_and_joined(http: httpx.Client) -> None:
    path = "/referral/code/by-email"
    found = http.get(path, params={"email": "user7@example.com"}).json()
    assert somebody(http, 7).get("/referral/code").json()["code"] == found["code"]
    assert http.get(path, params={"email": "user10@example.com"}).status_code == 404
    body = {"email": "ada@example.com", "password": "correct horse battery"}
    response = http.post("/auth/register", json=body | {"referral_code": found["code"]})
    assert response.status_code == 201


@pytest.mark.usefixtures("filled")
def test_whoever_comes_after_them_gets_the_next_ids(http: httpx.Client) -> None:
    body = {"email": "ada@example.com", "password": "correct horse battery"}
    ada = Person(http, *body.values(), http.post("/auth/register", json=body).json())
    assert (ada.id, ada.publish()["id"]) == (USERS + 1, CODES + 1)
