"""Holds the resources of a folder of Terraform beside what their providers take.

The providers themselves are in no package registry. Their schemas are: packages of another tool are generated from them, argument by argument.
Usage: providers.py FOLDER PACKAGES, where PACKAGES holds the archives that `pip download` has brought.
"""

import ast
import functools
import pathlib
import re
import sys
import tarfile
import zipfile

import hcl2

# Type of a resource -> archive, module, class.
TYPES = {
    "hcloud_server": ("pulumi_hcloud", "server", "Server"),
    "hcloud_ssh_key": ("pulumi_hcloud", "ssh_key", "SshKey"),
    "hcloud_firewall": ("pulumi_hcloud", "firewall", "Firewall"),
    "openstack_compute_keypair_v2": ("pulumi_openstack", "compute/keypair", "Keypair"),
    "openstack_compute_instance_v2": ("pulumi_openstack", "compute/instance", "Instance"),
    "openstack_networking_secgroup_v2": ("pulumi_openstack", "networking/sec_group", "SecGroup"),
    "openstack_networking_secgroup_rule_v2": ("pulumi_openstack", "networking/sec_group_rule", "SecGroupRule"),
    "digitalocean_ssh_key": ("pulumi_digitalocean", "ssh_key", "SshKey"),
    "digitalocean_droplet": ("pulumi_digitalocean", "droplet", "Droplet"),
    "digitalocean_firewall": ("pulumi_digitalocean", "firewall", "Firewall"),
    "linode_instance": ("pulumi_linode", "instance", "Instance"),
    "linode_firewall": ("pulumi_linode", "firewall", "Firewall"),
    "vultr_ssh_key": ("ediri_vultr", "ssh_key", "SSHKey"),
    "vultr_firewall_group": ("ediri_vultr", "firewall_group", "FirewallGroup"),
    "vultr_firewall_rule": ("ediri_vultr", "firewall_rule", "FirewallRule"),
    "vultr_instance": ("ediri_vultr", "instance", "Instance"),
    "aws_lightsail_key_pair": ("pulumi_aws", "lightsail/key_pair", "KeyPair"),
    "aws_lightsail_instance": ("pulumi_aws", "lightsail/instance", "Instance"),
    "aws_lightsail_static_ip": ("pulumi_aws", "lightsail/static_ip", "StaticIp"),
    "aws_lightsail_static_ip_attachment": ("pulumi_aws", "lightsail/static_ip_attachment", "StaticIpAttachment"),
    "aws_lightsail_instance_public_ports": ("pulumi_aws", "lightsail/instance_public_ports", "InstancePublicPorts"),
}
META = {"for_each", "count", "depends_on", "lifecycle", "provider"}
# The tool derives these from what Terraform has required arguments for.
DERIVED = {"name"}


class Packages:
    def __init__(self, folder: str) -> None:
        self._folder = pathlib.Path(folder)

    @functools.cache
    def classes(self, package: str, module: str) -> dict:
        """Classes of a module: name to the arguments of its constructor, each with whether it is required."""
        [archive] = self._folder.glob(f"{package}-*")
        path = f"{package}/{module}.py"
        if archive.suffix == ".whl":
            text = zipfile.ZipFile(archive).read(path).decode()
        else:
            with tarfile.open(archive) as tar:
                [member] = [name for name in tar.getnames() if name.endswith("/" + path)]
                text = tar.extractfile(member).read().decode()
        found = {}
        for item in ast.parse(text).body:
            if not isinstance(item, ast.ClassDef):
                continue
            for method in item.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    own = [*method.args.args[1:], *method.args.kwonlyargs]
                    found[item.name] = {
                        arg.arg: ast.unparse(arg.annotation) for arg in own if arg.annotation is not None
                    }
        return found


def known(name: str, arguments: dict) -> str | None:
    """The argument of this name; lists have a plural there."""
    if name in arguments:
        return name
    plurals = (name + "s", name + "es")
    return next((own for own in plurals if own in arguments and "Sequence[" in arguments[own]), None)


def unquoted(word: str) -> str:
    return word.strip('"')


def blocks(body: dict) -> dict:
    """Arguments and blocks of a body, those of `dynamic` as if they were written."""
    own = {unquoted(name): value for name, value in body.items() if not name.startswith("__")}
    for dynamic in own.pop("dynamic", []):
        for name, value in dynamic.items():
            if not name.startswith("__"):
                own[unquoted(name)] = value["content"]
    return own


def hold(where: str, body: dict, arguments: dict, module: dict, wrong: list) -> None:
    own, used = blocks(body), set()
    for name, value in own.items():
        if name in META:
            continue
        found = known(name, arguments)
        if found is None:
            wrong.append(f"{where}: no argument {name}")
            continue
        used.add(found)
        kind = re.search(r"'(\w+Args)'", arguments[found])
        if kind:
            for part in value if isinstance(value, list) else [value]:
                hold(f"{where}.{name}", part, module[kind[1]], module, wrong)
    for name, annotation in arguments.items():
        if "Optional[" not in annotation and name not in used | DERIVED:
            wrong.append(f"{where}: {name} is required")


def main() -> None:
    folder, packages = pathlib.Path(sys.argv[1]), Packages(sys.argv[2])
    wrong, states, count = [], {}, 0
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.tf"))}
    for text in texts.values():
        for resource in hcl2.loads(text).get("resource", []):
            for kind, named in resource.items():
                kind = unquoted(kind)
                for label, body in named.items():
                    package, module, name = TYPES[kind]
                    classes = packages.classes(package, module)
                    states[f"{kind}.{unquoted(label)}"] = classes[f"_{name}State"]
                    inputs = packages.classes(package, "/".join([*module.split("/")[:-1], "_inputs"]))
                    hold(f"{kind}.{unquoted(label)}", body, classes[f"{name}Args"], inputs, wrong)
                    count += 1
    # Attributes that others ask for.
    for path, text in texts.items():
        for kind, label, attribute in re.findall(r"\b([a-z]+_[a-z_0-9]+)\.([a-z_]+)\.([a-z_0-9]+)", text):
            if kind not in TYPES:
                continue
            state = states.get(f"{kind}.{label}")
            if state is None:
                wrong.append(f"{path}: there is no {kind}.{label}")
            elif attribute != "id" and known(attribute, state) is None:
                wrong.append(f"{path}: {kind} has no attribute {attribute}")
    print("\n".join(wrong) or f"{count} resources are as their providers take them")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
