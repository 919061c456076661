#!/usr/bin/python
"""Takes a region, provider or endpoint out gradually."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drain
short_description: Take a region, provider or endpoint out gradually
description:
  - Its clients leave by the steps of the recovery. It stays out until M(waypost.waypost.undrain), or until the time that was given is over.
  - A drain of this name that is in force already is left as it is. In check mode the server judges the order.
author: The Waypost developers
options:
  duration:
    description: The time that it holds, as C(2h).
    type: str
  force:
    description: Drain even where clients are left without a healthy endpoint, or above capacity.
    type: bool
    default: false
  wait:
    description: Wait until no new answer has it any more. Resolvers may keep older answers for as long as their TTL says.
    type: bool
    default: false
extends_documentation_fragment: waypost.waypost.control
"""

EXAMPLES = r"""
- name: Take the machine out before it is upgraded
  waypost.waypost.drain:
    name: fra-hetzner
    reason: kernel upgrade
    duration: 1h
    wait: true
"""

RETURN = r"""
result:
  description: What the server says.
  returned: always
  type: str
forecast:
  description: Who would move, and what would be lost.
  returned: in check mode
  type: dict
"""

from ansible_collections.waypost.waypost.plugins.module_utils.control import Control, finish, module


def main() -> None:
    own = module(
        duration={"type": "str"},
        force={"type": "bool", "default": False},
        wait={"type": "bool", "default": False},
    )
    name, control = own.params["name"], Control(own)
    line = f"drain {name}\n"
    words = ["--for", own.params["duration"]] if own.params["duration"] else []
    is_drained = control.drain() is not None
    if own.check_mode and not is_drained:
        forecast = control.ask("drain", name, *words, "--dry-run")
        if forecast["damage"] and not own.params["force"]:
            own.fail_json(msg="; ".join(forecast["damage"]), forecast=forecast)
        finish(own, "would be drained", "", line, forecast=forecast)
    result = f"drained already: {name}"
    if not is_drained:
        result = control.order("drain", *words, *(["--force"] if own.params["force"] else []))
    if own.params["wait"] and not own.check_mode:
        control.wait()
    finish(own, result, line if is_drained else "", line)


if __name__ == "__main__":
    main()
