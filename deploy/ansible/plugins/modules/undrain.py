#!/usr/bin/python
"""Lifts a drain."""

from __future__ import annotations

DOCUMENTATION = r"""
module: undrain
short_description: Lift the drain of a region, provider or endpoint
description:
  - Whatever no other order holds comes back by the steps of the recovery.
author: The Waypost developers
extends_documentation_fragment: waypost.waypost.control
"""

EXAMPLES = r"""
- name: Let the machine come back
  waypost.waypost.undrain:
    name: fra-hetzner
"""

RETURN = r"""
result:
  description: What the server says.
  returned: always
  type: str
"""

from ansible_collections.waypost.waypost.plugins.module_utils.control import Control, finish, module


def main() -> None:
    own = module()
    name, control = own.params["name"], Control(own)
    if control.drain() is None:
        finish(own, f"not drained: {name}")
    result = "would be drained no longer" if own.check_mode else control.order("undrain")
    finish(own, result, f"drain {name}\n")


if __name__ == "__main__":
    main()
