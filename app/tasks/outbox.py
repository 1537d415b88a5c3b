"""Working off what the service owes."""

from app.extensions import task_queue
from app.queue import ENRICH, SEND_MAILS
from app.services import enrichment, mails


@task_queue.task(name=SEND_MAILS)
def send_mails() -> None:
    mails.send_due()


@task_queue.task(name=ENRICH)
def enrich() -> None:
    enrichment.look_up_due()
