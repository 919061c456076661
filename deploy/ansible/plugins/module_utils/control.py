"""A running server, asked by its own command line."""

from __future__ import annotations

import json
import time

from ansible.module_utils.basic import AnsibleModule

#: Options of the command line that say which server is meant.
_SERVER = ("control", "config", "token_file", "ca")


def module(**options: dict) -> AnsibleModule:
    """A module with options of its own, and those that all have."""
    common = {
        "name": {"type": "str", "required": True},
        "reason": {"type": "str", "default": ""},
        "control": {"type": "str"},
        "config": {"type": "path", "default": "/etc/waypost/config.toml"},
        "token_file": {"type": "path", "no_log": False},
        "ca": {"type": "path"},
        "executable": {"type": "str", "default": "waypost"},
    }
    return AnsibleModule(argument_spec={**common, **options}, supports_check_mode=True)


class Control:
    """Commands for the server that a module's options name."""

    def __init__(self, of: AnsibleModule) -> None:
        self._module = of
        self._program = of.get_bin_path(of.params["executable"], required=True)
        given = [(name, of.params[name]) for name in _SERVER if of.params[name]]
        self._server = [word for name, value in given for word in ("--" + name.replace("_", "-"), value)]

    def _run(self, words: list) -> tuple:
        return self._module.run_command([self._program, *words, *self._server])

    def order(self, action: str, *words: str) -> str:
        """Gives an order; what the server says. The module fails with the server's words if it is refused."""
        own = self._module.params
        reason = ["--reason", own["reason"]] if own["reason"] else []
        status, out, err = self._run([action, own["name"], *words, *reason])
        if status != 0:
            self._module.fail_json(msg=(err or out).strip(), rc=status)
        return out.strip()

    def ask(self, *words: str) -> dict:
        """What a command says as JSON; a forecast with damage exits with 1 and is an answer too."""
        status, out, err = self._run([*words, "--json"])
        if not out:
            self._module.fail_json(msg=err.strip(), rc=status)
        return json.loads(out)

    def drain(self) -> dict | None:
        """The drain of exactly this name, in force or to come."""
        name, orders = self._module.params["name"], self.ask("orders")["orders"]
        return next((own for own in orders if own["action"] == "drain" and own["scope"] == name), None)

    def left(self) -> list:
        """Endpoints that new answers still have, though they are drained."""
        order = self.drain()
        if order is None:
            self._module.fail_json(msg=f"the drain of {self._module.params['name']} was lifted, or has ended")
        return [own["name"] for own in order["endpoints"] if own["share_permille"] > 0]

    def wait(self) -> None:
        """Waits until no new answer has any of them."""
        while self.left():
            time.sleep(1)


def finish(of: AnsibleModule, result: str, before: str = "", after: str = "", **more) -> None:
    """Ends the module; it has changed something if the lines differ, which --diff shows."""
    of.exit_json(changed=before != after, result=result, diff={"before": before, "after": after}, **more)
