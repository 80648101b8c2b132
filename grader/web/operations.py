"""What the machines around the site read: whether it works, and its measures."""

import ipaddress

from starlette.exceptions import HTTPException
from starlette.responses import Response

from grader.gradebook import queue
from grader.gradebook.opening import transaction
from grader.web.visit import Address, Visit


def _healthy(visit: Visit) -> Response:
    with transaction(visit.site.book.reading) as connection:
        queue.depth(connection)
    return Response("ok\n", media_type="text/plain")


def _metrics(visit: Visit) -> Response:
    client = visit.request.client
    if client is None or not ipaddress.ip_address(client.host).is_loopback:
        raise HTTPException(404)
    return Response(visit.site.metrics.text(), media_type="text/plain; version=0.0.4")


ROUTES = [
    Address("/healthz", "GET", "anybody", _healthy),
    Address("/metrics", "GET", "anybody", _metrics),
]
