"""nginx, which spreads requests over the nodes."""

from collections.abc import Sequence
from pathlib import Path

from tests.deployed.service import answers
from tests.system.programs import HOST, Program


class Balancer(Program):
    """nginx before the servers at these ports."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        super().__init__(folder)
        self.url = f"http://{HOST}:{self.port}"
        self._ports = ports

    def prepare(self) -> None:
        super().prepare()
        self._configuration = self.configure(
            Path(__file__).parent / "balancer.conf",
            FOLDER=self.folder,
            HOST=HOST,
            PORT=self.port,
            API_SERVERS=" ".join(
                f"server {HOST}:{port} max_fails=1 fail_timeout=5s;" for port in self._ports
            ),
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-e", "stderr", "-c", str(self._configuration)]

    def is_ready(self) -> bool:
        return answers(self.url)
