"""How gunicorn starts, reloads and ends, also beside another."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from dev.waiting import wait_until
from tests.deployed.counts import counted
from tests.deployed.service import Service, connections_to
from tests.deployed.together import meanwhile, outcomes
from tests.deployed.waiting import PEOPLE, waiting_for
from tests.people import PASSWORD, People, bearer


def test_nobody_is_given_a_socket_to_command_it_by(settings_file: Path, tmp_path: Path) -> None:
    homes = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR"), str(tmp_path))
    with Service(settings_file, tmp_path, homes | {"TMPDIR": str(tmp_path)}):
        assert [path for path in tmp_path.rglob("*") if path.is_socket()] == []


def test_two_services_of_one_checkout_run_side_by_side(
    http: httpx.Client, other_service: Service
) -> None:
    with connections_to(other_service.url) as other:
        person = People(http)()
        assert other.get("/auth/me", headers=bearer(person.access_token)).is_success
        assert counted(other, "/auth/register") == 0
        assert counted(http, "/auth/register") > 0


def test_sighup_replaces_the_workers_and_refuses_nobody(other_service: Service) -> None:
    responses: list[httpx.Response] = []
    with connections_to(other_service.url) as http:
        already = counted(http, "/readyz")
        with meanwhile(lambda: responses.append(http.get("/readyz"))):
            other_service.replace_workers()
        assert outcomes(responses).keys() == {"200"}
        assert counted(http, "/readyz") - already == len(responses)


def test_sighup_reads_the_settings_again(other_service: Service) -> None:
    settings = json.loads(other_service.settings.read_text())
    other_service.settings.write_text(json.dumps(settings | {"JWT_ACCESS_TOKEN_EXPIRES": 77}))
    other_service.replace_workers()
    with connections_to(other_service.url) as http:
        registered = http.post("/auth/register", json={"email": "a@b.io", "password": PASSWORD})
    assert registered.json()["expires_in"] == 77


def test_sighup_reads_anew_how_to_log(other_service: Service) -> None:
    settings = json.loads(other_service.settings.read_text())
    other_service.settings.write_text(json.dumps(settings | {"DEVELOPMENT": False}))
    other_service.replace_workers()
    *_, line = [line for line in other_service.logged().splitlines() if "Booting" in line]
    assert json.loads(line)["logger"] == "gunicorn.error"


def test_sigterm_lets_a_request_in_flight_finish_and_leaves_nothing_behind(
    ending_service: Service, database_url: str, tmp_path: Path
) -> None:
    processes = [psutil.Process(pid) for pid in ending_service.workers()]
    assert list(tmp_path.glob("tmp/*"))
    with connections_to(ending_service.url) as http:
        publish = partial(People(http)().post, "/referral/code", {"lifetime_minutes": 60})
        with waiting_for(PEOPLE, database_url, publish) as waiting:
            ending_service.process.terminate()
            wait_until(lambda: "signal: term" in ending_service.logged(), "sign of the end")
        assert waiting.answer.result().status_code == 201
    assert ending_service.process.wait(10) == 0
    assert not [process for process in processes if process.is_running()]
    assert not list(tmp_path.glob("tmp/*"))


def test_settings_that_cannot_be_used_end_it_at_once(settings_file: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(json.loads(settings_file.read_text()) | {"SECRET_KEY": "weak"}))
    service = Service(settings, tmp_path, {"TMPDIR": str(tmp_path)}, patience=10)
    with pytest.raises(ChildProcessError, match="SECRET_KEY") as refusal, service:
        pass
    assert service.process.returncode not in (None, 0)
    assert "weak" not in str(refusal.value)
    assert not list(tmp_path.glob("referral-*"))


@pytest.fixture(scope="module")
def service(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service_of_its_own(settings_file, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def other_service(
    settings_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One whose settings may be changed."""
    with service_of_its_own(settings_file, tmp_path_factory.mktemp("other")) as service:
        yield service


@pytest.fixture
def ending_service(settings_file: Path, tmp_path: Path) -> Iterator[Service]:
    """One that may be ended."""
    with service_of_its_own(settings_file, tmp_path) as service:
        yield service


def service_of_its_own(settings_file: Path, folder: Path) -> Service:
    """A service with its own settings, which chooses for itself where it counts."""
    settings, temporary = folder / "settings.json", folder / "tmp"
    settings.write_bytes(settings_file.read_bytes())
    temporary.mkdir()
    return Service(settings, folder, environment={"TMPDIR": str(temporary)})
