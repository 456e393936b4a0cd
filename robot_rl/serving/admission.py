"""Who may connect: whoever shows the token, as openpi's clients do, in `Authorization: Api-Key <token>`."""

from __future__ import annotations

import hmac
import logging
from http import HTTPStatus
from typing import Any

log = logging.getLogger(__name__)


def admit(connection: Any, request: Any, token: str) -> Any:
    """None for a WebSocket handshake that shows the token, else the answer that ends it."""
    given = request.headers.get("Authorization", "")
    if hmac.compare_digest(given.encode(), f"Api-Key {token}".encode()):
        return None
    log.warning("refused %s: wrong token or none", connection.remote_address)
    return connection.respond(HTTPStatus.UNAUTHORIZED, "wrong token, or none\n")
