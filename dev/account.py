"""The account PostgreSQL runs as: it refuses to be root."""

import os
import pwd
from typing import Any


def is_root() -> bool:
    """Whether this process may act for other accounts."""
    return os.geteuid() == 0


def server_account() -> pwd.struct_passwd:
    """Ourselves, or under root the one unprivileged account that every system has."""
    return pwd.getpwnam("nobody") if is_root() else pwd.getpwuid(os.geteuid())


def as_server_account() -> dict[str, Any]:
    """Give the arguments that make `subprocess` run a command as the server account."""
    if not is_root():
        return {}
    account = server_account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
