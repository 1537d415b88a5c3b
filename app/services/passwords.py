"""Passwords: hashed with argon2id at the floor OWASP sets (19 MiB, 2 passes, 1 lane)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app import native

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# One thread for each process of the web server: a hash keeps a core busy and leaves its 19 MiB with
# the thread that made it, and there are as many processes as cores.
_thread = native.Threads(1)

# What the password of an account that is not there is held against, at the same cost.
_NOBODYS = _hasher.hash("the password of nobody")


def hash_password(password: str) -> str:
    """The argon2id hash of a password, salt and parameters included."""
    return _thread.run(_hasher.hash, password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password, in the same time where there is no hash to match."""
    try:
        verified = _thread.run(_hasher.verify, password_hash or _NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return verified and password_hash is not None
