"""The faults, in the order of the table in docs/reliability.md."""

from tests.chaos.fault import Fault
from tests.chaos.faults import (
    clients,
    clocks,
    everything,
    gunicorn,
    mails,
    migrations,
    nothing,
    postgres,
    redis,
    resources,
)

FAULTS: list[Fault] = [
    nothing.Nothing(),
    postgres.Crash(),
    postgres.BackendCrash(),
    postgres.CommitReplyLost(),
    postgres.Freeze(),
    postgres.ReadOnly(),
    resources.NoConnections(),
    resources.NoDisk(),
    resources.NoRoomForCounts(),
    resources.SlowDisk(),
    redis.Killed(),
    redis.Freeze(),
    redis.Full(),
    redis.Flaps(),
    mails.SenderDies(),
    mails.MailServerMisbehaves(),
    gunicorn.WorkerKilled(),
    gunicorn.Reloads(),
    gunicorn.Ends(),
    clocks.Ahead(),
    clocks.Behind(),
    clients.Hostile(),
    migrations.Migration(),
    everything.Everything(),
]
