"""A life full of events for a deployment, each request under an id that says what it does."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from dev.waiting import wait_until
from tests.deployed.canaries import Canaries
from tests.deployed.deployment import Deployment
from tests.deployed.mailing import Call, Sql, mails_to, tokens_in
from tests.deployed.own_postgres import OwnPostgres
from tests.deployed.own_redis import OwnRedis
from tests.inbox import text_of
from tests.mail_server import MailServer
from tests.people import People, Person, bearer


def calling_it(http: httpx.Client, request_id: str) -> httpx.Client:
    """The client, whose requests from now on have this id."""
    http.headers["X-Request-ID"] = request_id
    return http


def people_come(http: httpx.Client, canaries: Canaries) -> list[Person]:
    """Two people register, the second with the code of the first, and both publish a code."""
    register = People(calling_it(http, "registering"))
    ada = register(canaries.address("Ada"), canaries.word("Ada's password"))
    code = ada.publish(code=canaries.word("wording").upper())["code"]
    password = canaries.word("Grace's password")
    grace = register(canaries.address("Grace"), password, referral_code=code)
    canaries.add("code", grace.publish()["code"])
    for person in (ada, grace):
        for token in (person.access_token, person.refresh_token):
            _, payload, signature = token.split(".")
            canaries.add("payload of a token", payload)
            canaries.add("signature", signature)
    return [ada, grace]


def people_err(http: httpx.Client, ada: Person, canaries: Canaries) -> None:
    """Somebody takes an address again, tries a password, and looks for somebody."""
    calling_it(http, "erring")
    for path in ("/auth/register", "/auth/login"):
        body = {"email": ada.email, "password": canaries.word("wrong password")}
        assert http.post(path, json=body).status_code in (401, 409)
    http.get("/referral/code/by-email", params={"email": ada.email})
    http.post("/referral/code/by-email", json={"email": ada.email})
    ada.post("/referral/code/email")
    refreshed = http.post("/auth/refresh", headers=bearer(ada.refresh_token)).json()
    canaries.add("refresh token", refreshed["refresh_token"])
    http.post("/auth/revoke", data={"token": refreshed["refresh_token"]})


def links_are_followed(
    http: httpx.Client, person: Person, mail_server: MailServer, canaries: Canaries
) -> None:
    """The person does what their mails lead to, twice."""
    mails = mails_to(person.email, mail_server)
    tokens = [token for mail in mails for token in tokens_in(text_of(mail.message))]
    assert len(tokens) == 2
    for token in tokens * 2:
        body = {"token": canaries.add("mailed token", token)}
        http.post("/auth/verify_email", json=body)
        password = {"new_password": canaries.word("new password")}
        http.post("/auth/reset_password/confirm", json=body | password)


def tables_are_lost(
    http: httpx.Client, email: str, deployment: Deployment, sql: Sql, call_sender: Call
) -> None:
    """A request and a mail meet errors that nobody has thought of."""
    with _hidden("codes", sql):
        calling_it(http, "crashing").get("/referral/code/by-email", params={"email": email})
    # Nobody is woken without it, and the mail stays owed until the table is gone.
    with _hidden("users", sql):
        sql(
            "INSERT INTO outbox (kind, payload) VALUES "
            f"""('reset_password', '{{"email": "{email}", "message_id": "<{email}>"}}')"""
        )
        _call_until(deployment, "(reset_password) crashed", call_sender)
    sql("DELETE FROM outbox")


def servers_are_lost(
    http: httpx.Client,
    email: str,
    deployment: Deployment,
    servers: tuple[OwnPostgres, OwnRedis],
    call_sender: Call,
) -> None:
    """First PostgreSQL, then Redis, the broker too."""
    postgres, redis = servers
    calling_it(http, "losing")
    with postgres.stopped():
        http.get("/referral/code/by-email", params={"email": email})
        _call_until(deployment, "outbox.send_mails crashed", call_sender)
    with redis.killed():
        http.post("/auth/reset_password", json={"email": email})
        wait_until(lambda: "Cannot connect" in deployment.worker.logged(), "worker that notices")


@contextmanager
def _hidden(table: str, sql: Sql) -> Iterator[None]:
    sql(f"ALTER TABLE {table} RENAME TO hidden")
    try:
        yield
    finally:
        sql(f"ALTER TABLE hidden RENAME TO {table}")


def _call_until(deployment: Deployment, said: str, call_sender: Call) -> None:
    """Have the worker do what is due until it says this."""

    def has_said_so() -> bool:
        call_sender()
        return said in deployment.worker.logged()

    wait_until(has_said_so, f"worker that says: {said}")
