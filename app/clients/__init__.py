"""Whom the service talks to outside: mail servers and web services, each bounded in time."""


class OutsideError(Exception):
    """An outside service did not do what it was asked.

    :param outcome: what happened, in a word or two that a log or a metric may hold: never an
        address, a key, or what the other side said.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome
