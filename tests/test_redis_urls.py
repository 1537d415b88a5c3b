"""What the URL of a Redis means to those who connect to it."""

from typing import Any

import pytest
import redis

from app.redis import broker, client

WATCHED = "redis+sentinel://:p%2Bw@one:26379,two:26380/name?db=3"


def test_celery_is_given_every_sentinel_with_all_it_needs() -> None:
    told = broker(WATCHED, {"socket_timeout": 0.2, "max_retries": 1})
    assert told["broker_url"] == "sentinel://:p%2Bw@one:26379/3;sentinel://:p%2Bw@two:26380/3"
    options = told["broker_transport_options"]
    assert options.items() >= {"master_name": "name", "max_retries": 1}.items()
    assert options["sentinel_kwargs"].items() >= {"password": "p+w", "socket_timeout": 0.2}.items()


def test_the_cache_asks_for_the_primary_by_its_name() -> None:
    pool: Any = client(WATCHED, socket_timeout=0.2).connection_pool
    assert pool.service_name == "name"
    assert pool.connection_kwargs.items() >= {"db": 3, "password": "p+w"}.items()
    sentinels = [sentinel.get_connection_kwargs() for sentinel in pool.sentinel_manager.sentinels]
    assert [(known["host"], known["port"]) for known in sentinels] == [
        ("one", "26379"),
        ("two", "26380"),
    ]
    assert {known["socket_timeout"] for known in sentinels} == {0.2}


@pytest.mark.parametrize("url", ["redis://h:1/2", "rediss://h:1/2", "unix:///run/redis.sock?db=2"])
def test_the_url_of_a_server_is_taken_as_it_is(url: str) -> None:
    options = {"max_retries": 1}
    assert broker(url, options) == {"broker_url": url, "broker_transport_options": options}
    pool = client(url, socket_timeout=0.2).connection_pool
    expected = redis.Redis.from_url(url).connection_pool
    assert pool.connection_class is expected.connection_class
    assert [pool.connection_kwargs["db"], pool.connection_kwargs["socket_timeout"]] == [2, 0.2]
