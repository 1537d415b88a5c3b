"""What /metrics counts."""

import httpx


def counted(http: httpx.Client, route: str) -> int:
    """How many requests to this route have been answered."""
    lines = http.get("/metrics").text.splitlines()
    of_route = [line for line in lines if line.startswith("http_requests_total{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in of_route if f'"{route}"' in line))


def in_progress(http: httpx.Client, method: str) -> float:
    """How many requests by this method are being answered, by all workers."""
    name = f'http_requests_in_progress{{method="{method}"}} '
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
