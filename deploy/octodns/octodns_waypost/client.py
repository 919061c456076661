"""The records API of a Waypost server."""

from __future__ import annotations

import json
import ssl
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from octodns.provider import ProviderException

# RRsets of a zone by name and type: `ttl_s` and `values` of each.
Records = dict[str, dict[str, dict[str, Any]]]
# Names of one page.
PAGE = 5000


class WaypostError(ProviderException):
    """A server that does not answer, or refuses; its own words."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        # Of the response; None if there was none.
        self.status = status


class WaypostClient:
    """Requests to one server, with a token.

    A token is sent over https, or to loopback; never in the clear to another machine.
    """

    def __init__(self, url: str, token: str | None, ca: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise WaypostError(f"{url}: write it as https://HOST:PORT (http to loopback alone)")
        self._base = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        context = ssl.create_default_context(cafile=ca)
        # A proxy of the environment would be told the token.
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))

    def zones(self) -> list[str]:
        """Names of all zones, without a final dot."""
        status = self._ask("GET", "/api/v1/status")
        return [zone["name"] for zone in status["zones"]]

    def records(self, zone: str) -> tuple[int, Records]:
        """The revision of a zone, and all that is declared in it."""
        records: Records = {}
        after: dict[str, str] = {}
        first: int | None = None
        while True:
            page = self._ask("GET", self._path(zone), {"limit": str(PAGE), **after})
            if first is None:
                first = page["revision"]
            if page["revision"] != first:
                raise WaypostError(f"{zone} is being changed by somebody else: try again")
            records.update(page["records"])
            if not page["next"]:
                return first, records
            after = {"after": page["next"]}

    def change(self, zone: str, revision: int, records: dict[str, Any], dry_run: bool) -> int:
        """Changes a zone by a merge patch (RFC 7386) if it has this revision; its revision after that."""
        query = {"reason": "octoDNS", **({"dry_run": "true"} if dry_run else {})}
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": f'"{revision}"'}
        body = json.dumps({"records": records}).encode()
        done = self._ask("PATCH", self._path(zone), query, headers, body)
        return int(done["revision"])

    @staticmethod
    def _path(zone: str) -> str:
        return f"/api/v1/zones/{quote(zone, safe='')}/records"

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Any:
        url = self._base + path + (f"?{urlencode(query)}" if query else "")
        request = Request(url, data=body, method=method, headers=headers or {})
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return json.load(response)
        except HTTPError as error:
            raise WaypostError(_detail(error), error.code) from error
        except (URLError, OSError, ValueError) as error:
            raise WaypostError(f"no answer from {self._base}: {error}") from error


def _detail(error: HTTPError) -> str:
    """The reason that a problem (RFC 9457) gives."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"{error.code} {error.reason}"
