"""The mails that development keeps instead of sending, as a newcomer's browser shows them."""

import re
from email.message import EmailMessage
from pathlib import Path

from flask import Flask, Response, current_app, make_response, render_template
from markupsafe import Markup, escape

from app.api.pages import as_page
from app.clients.mailbox import Mailbox
from app.errors import NotFound

LIMIT = 50
# A full stop after it, or the bracket around it, is not of the address.
ADDRESS = re.compile(r"""(https?://[^\s<>"']*[^\s<>"'.,;:!?)\]])""")
LINK = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>')
# A click opens a tab of its own, for no page of ours lets itself be framed.
TO_NEW_TABS = '<base target="_blank">'

# What the mail may do stands twice: at its frame, and here for whoever opens it without.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
POLICY_FOR_HTML = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",  # in mails there is no other
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        f"sandbox {SANDBOX}",
    )
)


def init_mailbox(app: Flask) -> None:
    """Serve /mailbox, which shows to anybody what the folder `MAILBOX` holds: tokens, too."""
    for path, view, policy in (
        ("/mailbox", mailbox, POLICY),
        ("/mailbox/<key>", mail, POLICY),
        ("/mailbox/<key>/html", mail_html, POLICY_FOR_HTML),
    ):
        app.add_url_rule(path, view.__name__, as_page(view, policy, "no-store"))


def mailbox() -> str:
    return render_template("mailbox.html", mails=_mailbox().newest(LIMIT), limit=LIMIT)


def mail(key: str) -> str:
    found = _find(key)
    return render_template(
        "mail.html",
        key=key,
        headers=found.items(),
        subject=found["Subject"],
        text=_with_links(_part(found, "plain") or ""),
        has_html=_part(found, "html") is not None,
        sandbox=SANDBOX,
    )


def mail_html(key: str) -> Response:
    html = _part(_find(key), "html")
    if html is None:
        raise NotFound
    response = make_response(html + TO_NEW_TABS)
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # By the HTML standard, a browser opens no sandboxed page that wants a window to itself.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def _mailbox() -> Mailbox:
    return Mailbox(Path(current_app.config["MAILBOX"]))


def _find(key: str) -> EmailMessage:
    found = _mailbox().get(key)
    if found is None:
        raise NotFound
    return found


def _part(found: EmailMessage, kind: str) -> str | None:
    part = found.get_body((kind,))
    return None if part is None else part.get_content()


def _with_links(text: str) -> Markup:
    # What is split by a group alternates between the text around and what the group has found.
    around_and_addresses = enumerate(ADDRESS.split(text))
    return Markup().join(
        LINK.format(piece) if place % 2 else escape(piece) for place, piece in around_and_addresses
    )
