#!/usr/bin/python
"""Lets what waits for an operator's word come back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: approve
short_description: Let what waits for an operator's word come back
description:
  - Endpoints whose recovery has C(gate = "approve") or C(failback = "manual") stay out after an outage until they are approved.
  - Where nothing waits, nothing is done.
author: The Waypost developers
extends_documentation_fragment: waypost.waypost.control
"""

EXAMPLES = r"""
- name: Let Frankfurt come back
  waypost.waypost.approve:
    name: eu-frankfurt
    reason: the database was compared by hand
"""

RETURN = r"""
result:
  description: What the server says.
  returned: always
  type: str
endpoints:
  description: Endpoints that waited.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.waypost.waypost.plugins.module_utils.control import Control, finish, module


def waiting(status: dict, name: str) -> list:
    """Endpoints of a region, of a provider, or of this name that wait."""
    return [
        endpoint["name"]
        for region in status["regions"]
        for endpoint in region["endpoints"]
        if name in (region["name"], endpoint["provider"], endpoint["name"])
        and any(target["wants_approval"] for target in endpoint["targets"])
    ]


def main() -> None:
    own = module()
    name, control = own.params["name"], Control(own)
    endpoints = waiting(control.ask("status"), name)
    if not endpoints:
        finish(own, f"nothing waits: {name}", endpoints=[])
    result = "would be approved" if own.check_mode else control.order("approve")
    before = "".join(f"{endpoint} waits for approval\n" for endpoint in endpoints)
    finish(own, result, before, before.replace("waits for approval", "is approved"), endpoints=endpoints)


if __name__ == "__main__":
    main()
