"""What an error looks like."""

import httpx


def assert_problem(response: httpx.Response, status: int, code: str) -> dict:
    """The answer is this problem, whole and in form (RFC 9457); gives its body."""
    body = response.json()
    assert (response.status_code, body.get("code")) == (status, code), response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    members = {"type", "title", "status", "detail", "code", "request_id"}
    assert members <= body.keys() <= members | {"errors", "checks"}
    assert body["status"] == status
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body
