"""What the developer's environment must not bring along."""

import os


def forget_postgres_client() -> None:
    """Drop what points PostgreSQL clients elsewhere or changes how they connect."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
