"""Whether the service answers."""

import http.client


def is_ready(port: int) -> bool:
    """Tell whether the service answers and has all it needs."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
