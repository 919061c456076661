"""The provider: zones of octoDNS from declared records, and back."""

from __future__ import annotations

import logging
from typing import Any

from octodns.provider.base import BaseProvider
from octodns.provider.plan import Plan
from octodns.record import Record
from octodns.record.change import Change, Delete
from octodns.record.rr import Rrset
from octodns.zone import Zone

from .client import WaypostClient, WaypostError

# RRsets that the server takes in one batch.
BATCH = 20_000


class WaypostProvider(BaseProvider):
    """Declared records of a Waypost server, as a source and a target.

    :param url: the control API, as ``https://ns1.example.org:8053``; plain http to loopback alone
    :param token: secret of ``waypost token new``; without one, only what everybody may see can be read
    :param ca: PEM file of the roots that vouch for the server; those of the system if absent
    :param timeout: seconds that an answer may take
    """

    SUPPORTS_GEO = False
    SUPPORTS_DYNAMIC = False
    SUPPORTS_MULTIVALUE_PTR = True
    # NS of the zone itself, as its SOA, stand in its file.
    SUPPORTS_ROOT_NS = False
    SUPPORTS = {
        "A",
        "AAAA",
        "CAA",
        "CNAME",
        "DNAME",
        "DS",
        "HTTPS",
        "LOC",
        "MX",
        "NAPTR",
        "NS",
        "OPENPGPKEY",
        "PTR",
        "SRV",
        "SSHFP",
        "SVCB",
        "TLSA",
        "TXT",
        "URI",
    }

    def __init__(
        self,
        id: str,
        url: str,
        token: str | None = None,
        ca: str | None = None,
        timeout: float = 60,
        **arguments: Any,
    ) -> None:
        self.log = logging.getLogger(f"WaypostProvider[{id}]")
        super().__init__(id, **arguments)
        self._client = WaypostClient(url, token, ca, float(timeout))
        # Revisions that plans were made from, by zone.
        self._revisions: dict[str, int] = {}

    def list_zones(self) -> list[str]:
        """Names of all zones of the server, for a dynamic zone config (``"*"``)."""
        return sorted(f"{zone}." for zone in self._client.zones())

    def populate(self, zone: Zone, target: bool = False, lenient: bool = False) -> bool:
        """Adds what is declared to a zone; False if the server has no such zone."""
        try:
            revision, records = self._client.records(zone.name[:-1])
        except WaypostError as error:
            if error.status == 404:
                return False
            raise
        if target:
            self._revisions[zone.name] = revision
        rrsets = [
            Rrset(f"{name}.", kind, own["ttl_s"], own["values"])
            for name, kinds in records.items()
            for kind, own in kinds.items()
            if kind in self.SUPPORTS
        ]
        for record in Record.from_rrsets(zone, rrsets, lenient=lenient, source=self):
            zone.add_record(record, lenient=lenient)
        self.log.info("populate: %d records at revision %d", len(zone.records), revision)
        return True

    def _process_desired_zone(self, desired: Zone) -> Zone:
        for record in desired.records:
            if getattr(record, "dynamic", False) or getattr(record, "geo", False):
                self.supports_warn_or_except(
                    f"{record.fqdn} {record._type} is dynamic: who is answered what is decided by a service of the server's config; "
                    "write one for this name, and take the record out here",
                    "declaring its plain values",
                )
        return super()._process_desired_zone(desired)

    def _apply(self, plan: Plan) -> None:
        zone = plan.desired.name
        if not plan.exists:
            raise WaypostError(f"{zone} is no zone of the server: write it into its config first")
        batches = _batches(plan.changes)
        revision = self._revisions[zone]
        # Where there is more than one batch, each is judged before any is done.
        for dry_run in [True, False] if len(batches) > 1 else [False]:
            for batch in batches:
                now = self._client.change(zone[:-1], revision, batch, dry_run)
                if not dry_run:
                    revision = now
        self._revisions[zone] = revision


def _batches(changes: list[Change]) -> list[dict[str, Any]]:
    """Merge patches of changes; all of a name is in one of them."""
    names: dict[str, dict[str, Any]] = {}
    for change in changes:
        own = change.record
        value = None
        if not isinstance(change, Delete):
            rrset = own.to_rrset()
            value = {"ttl_s": rrset.ttl, "values": rrset.rdatas}
        names.setdefault(own.fqdn[:-1], {})[own._type] = value
    batches: list[dict[str, Any]] = [{}]
    count = 0
    for name, kinds in sorted(names.items()):
        if count + len(kinds) > BATCH:
            batches.append({})
            count = 0
        count += len(kinds)
        batches[-1][name] = kinds
    return batches
