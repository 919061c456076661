"""An API server of Kubernetes, as far as a controller can tell: lists in pages, watches with bookmarks and 410, optimistic concurrency,
merge patches, server-side apply with field managers, status subresources, finalizers, and definitions whose resources go before them.

Usage: api_server.py PORT STATE. What is there is written to STATE at SIGTERM, and read at the start.
"""
import copy
import datetime
import json
import os
import re
import signal
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jsonschema

PORT, STATE = int(sys.argv[1]), sys.argv[2]
BUILT_IN = {
    "/services": ("v1", "Service"),
    "discovery.k8s.io/endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "coordination.k8s.io/leases": ("coordination.k8s.io/v1", "Lease"),
    "apiextensions.k8s.io/customresourcedefinitions": ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    "gateway.networking.k8s.io/gateways": ("gateway.networking.k8s.io/v1", "Gateway"),
}
MICRO_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)"
DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions"
PATH = re.compile(
    r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<ns>[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?$"
)


class Refused(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason

    def status(self):
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": str(self), "reason": self.reason, "code": self.code}


class Unserved(Exception):
    """No such path: the answer is a line of text, and no `Status`."""


class Store:
    """Objects by kind, and all that happened to them since the log was cut."""

    def __init__(self):
        self.changed = threading.Condition()
        self.revision, self.cut, self.epoch = 100, 100, 0
        self.objects, self.log, self.used = {}, {}, set()
        if os.path.exists(STATE):
            with open(STATE) as file:
                kept = json.load(file)
            self.revision = self.cut = kept["revision"]
            for kind, all in kept["objects"].items():
                self.objects[kind] = {tuple(key.split("/")): own for key, own in all.items()}

    def save(self):
        with self.changed, open(STATE, "w") as file:
            objects = {kind: {"/".join(key): own for key, own in all.items()} for kind, all in self.objects.items()}
            json.dump({"revision": self.revision, "objects": objects}, file)

    def definition(self, kind):
        group, plural = kind.rsplit("/", 1)
        return self.objects.get(DEFINITIONS, {}).get(("", f"{plural}.{group}"))

    def schema(self, kind):
        definition = self.definition(kind)
        return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] if definition else {}

    def all(self, kind):
        if kind not in BUILT_IN and not self.definition(kind):
            raise Unserved
        return self.objects.setdefault(kind, {})

    def get(self, kind, key):
        if key not in self.all(kind):
            raise Refused(404, "NotFound", f"{kind} {key[1]} not found")
        return self.objects[kind][key]

    def emit(self, kind, word, own):
        self.log.setdefault(kind, []).append((self.revision, word, copy.deepcopy(own)))
        self.changed.notify_all()

    def create(self, kind, key, own):
        if key in self.all(kind):
            raise Refused(409, "AlreadyExists", f"{key[1]} already exists")
        if definition := self.definition(kind):
            if "deletionTimestamp" in definition["metadata"]:
                raise Refused(405, "MethodNotAllowed", "the definition is being deleted")
            own.pop("status", None)
        own["metadata"].update(uid=str(uuid.uuid4()), generation=1, creationTimestamp=now())
        if key[0]:
            own["metadata"]["namespace"] = key[0]
        self.put(kind, key, own, "ADDED")
        return own

    def put(self, kind, key, own, word="MODIFIED"):
        own.update(pruned({k: v for k, v in own.items() if k in ("spec", "status")}, self.schema(kind)))
        self.check(kind, own)
        self.revision += 1
        own["metadata"]["resourceVersion"] = str(self.revision)
        meta = own["metadata"]
        if "deletionTimestamp" in meta and not meta.get("finalizers"):
            self.objects[kind].pop(key, None)
            self.emit(kind, "DELETED", own)
            self.sweep()
            return
        self.objects[kind][key] = own
        self.emit(kind, word, own)

    def check(self, kind, own):
        if kind == DEFINITIONS:
            for version in own["spec"]["versions"]:
                look(version["schema"]["openAPIV3Schema"], "openAPIV3Schema")
        if self.definition(kind):
            errors = jsonschema.Draft4Validator(plain(self.schema(kind))).iter_errors({k: v for k, v in own.items() if k != "metadata"})
            for error in errors:
                raise Refused(422, "Invalid", f"{'.'.join(map(str, error.path))}: {error.message}")
        if kind == "coordination.k8s.io/leases":
            spec = own["spec"]
            for name in ("leaseDurationSeconds", "leaseTransitions"):
                if spec.get(name, 1) < (name == "leaseDurationSeconds"):
                    raise Refused(422, "Invalid", f"spec.{name}: too small")
            for name in ("acquireTime", "renewTime"):
                if not re.fullmatch(MICRO_TIME, spec.get(name) or "2026-01-01T00:00:00.000000Z"):
                    raise Refused(400, "BadRequest", f"spec.{name}: {spec[name]} is no MicroTime")

    def update(self, kind, key, sub, change):
        """Changes one; generation and status as a subresource has them."""
        before = self.get(kind, key)
        own = change(copy.deepcopy(before))
        version = own["metadata"].get("resourceVersion")
        if not version and kind == "coordination.k8s.io/leases":
            raise Refused(422, "Invalid", "metadata.resourceVersion: must be specified for an update")
        if version and version != before["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
        if definition := self.definition(kind):
            if sub == "status":
                own = {**before, "status": own.get("status"), "metadata": {**before["metadata"], "managedFields": own["metadata"].get("managedFields")}}
            else:
                own.pop("status", None)
                if "status" in before:
                    own["status"] = before["status"]
        for fixed in ("uid", "creationTimestamp", "deletionTimestamp", "generation"):
            if fixed in before["metadata"]:
                own["metadata"][fixed] = before["metadata"][fixed]
        new = set(own["metadata"].get("finalizers") or []) - set(before["metadata"].get("finalizers") or [])
        if new and "deletionTimestamp" in before["metadata"]:
            raise Refused(422, "Invalid", "metadata.finalizers: no new finalizers can be added if the object is being deleted")
        if any("/" not in name for name in new):
            raise Refused(422, "Invalid", "metadata.finalizers: a name is not qualified")
        if own.get("spec") != before.get("spec"):
            own["metadata"]["generation"] += 1
        own["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        if own != before:
            self.put(kind, key, own)
        return own

    def delete(self, kind, key):
        own = copy.deepcopy(self.get(kind, key))
        if "deletionTimestamp" not in own["metadata"]:
            own["metadata"]["deletionTimestamp"] = now()
            own["metadata"]["generation"] += 1
        if kind == DEFINITIONS:
            own["metadata"]["finalizers"] = ["customresourcecleanup.apiextensions.k8s.io"]
        self.put(kind, key, own)
        if kind == DEFINITIONS:
            for other in list(self.objects.get(kind_of(own), {})):
                self.delete(kind_of(own), other)
            self.sweep()
        return own

    def sweep(self):
        """Definitions that are being deleted go when none of their resources is left."""
        for key, own in list(self.objects.get(DEFINITIONS, {}).items()):
            if "deletionTimestamp" in own["metadata"] and not self.objects.get(kind_of(own)):
                own = copy.deepcopy(own)
                own["metadata"]["finalizers"] = []
                self.objects.pop(kind_of(own), None)
                self.put(DEFINITIONS, key, own)


def kind_of(definition):
    return f"{definition['spec']['group']}/{definition['spec']['names']['plural']}"


def plain(schema):
    """A schema of a definition as one of JSON: null where it is said to be allowed."""
    own = {k: v for k, v in schema.items() if k != "nullable" and not k.startswith("x-") and k != "format"}
    if schema.get("nullable"):
        own["type"] = [own["type"], "null"]
    if "properties" in own:
        own["properties"] = {k: plain(v) for k, v in own["properties"].items()}
    if "items" in own:
        own["items"] = plain(own["items"])
    return own


def look(schema, place):
    """Refuses what is no structural schema, and an enum with a null, which Kubernetes 1.20 does not read."""
    if "type" not in schema or None in schema.get("enum", []):
        raise Refused(422, "Invalid", f"{place}: no type, or a null in its enum")
    for name, below in schema.get("properties", {}).items():
        look(below, f"{place}.{name}")
    if "items" in schema:
        look(schema["items"], f"{place}[]")


def pruned(own, schema):
    """What a structural schema knows of it, with its defaults."""
    if isinstance(own, list):
        return [pruned(one, schema.get("items", {})) for one in own]
    if not isinstance(own, dict) or "properties" not in schema:
        return own
    known = {name: pruned(own[name], one) for name, one in schema["properties"].items() if name in own}
    defaults = {name: copy.deepcopy(one["default"]) for name, one in schema["properties"].items() if "default" in one and own.get(name) is None}
    return {**known, **defaults}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(own, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    own = dict(own) if isinstance(own, dict) else {}
    for key, value in patch.items():
        if value is None:
            own.pop(key, None)
        else:
            own[key] = merged(own.get(key), value)
    return own


def mark(own, schema):
    """What an item of a list is known by."""
    return json.dumps([own[key] for key in schema["x-kubernetes-list-map-keys"]])


def leaves(own, schema, path=()):
    """Fields as server-side apply owns them: those of the items of a map, other lists as a whole."""
    if isinstance(own, list) and schema.get("x-kubernetes-list-type") == "map":
        parts = {mark(item, schema): (item, schema["items"]) for item in own}
    elif isinstance(own, dict) and own:
        parts = {key: (value, schema.get("properties", {}).get(key, {})) for key, value in own.items()}
    else:
        return {path: own}
    return {place: leaf for key, (value, below) in parts.items() for place, leaf in leaves(value, below, (*path, key)).items()}


def built(fields, schema):
    """The object of such fields."""
    if () in fields:
        return fields[()]
    below = {}
    for path, leaf in fields.items():
        below.setdefault(path[0], {})[path[1:]] = leaf
    if schema.get("x-kubernetes-list-type") == "map":
        return [built(part, schema["items"]) for part in below.values()]
    return {key: built(part, schema.get("properties", {}).get(key, {})) for key, part in below.items()}


def applied(own, patch, manager, force, sub, schema):
    """Server-side apply: what another manager has set is a conflict, unless it is forced; what the manager has set before, and nobody else, goes."""
    if not manager:
        raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
    if (patch.get("apiVersion"), patch.get("kind")) != (own["apiVersion"], own["kind"]):
        raise Refused(400, "BadRequest", "apiVersion and kind are those of the object")
    part = {k: v for k, v in patch.items() if k in (("status",) if sub else ("spec", "data"))}
    wanted, there = leaves(part, schema), leaves({k: own[k] for k in ("spec", "status", "data") if k in own}, schema)
    fields = own["metadata"].get("managedFields") or []
    others = [entry for entry in fields if entry["manager"] != manager]
    for other in others:
        clash = [path for path in wanted if list(path) in other["fields"] and there.get(path) != wanted[path]]
        if clash and not force:
            raise Refused(409, "Conflict", f"conflict with {other['manager']}: {clash[0]}")
        other["fields"] = [path for path in other["fields"] if tuple(path) not in clash]
    mine = next((entry for entry in fields if entry["manager"] == manager and entry.get("subresource", "") == sub), None)
    if mine is None:
        mine = {"manager": manager, "operation": "Apply", "subresource": sub, "fields": []}
        fields.append(mine)
    for path in mine["fields"]:
        if tuple(path) not in wanted and not any(path in other["fields"] for other in others):
            there.pop(tuple(path), None)
    mine["fields"] = [list(path) for path in wanted]
    # A list or an object as a whole takes the place of its parts, and they that of it.
    stale = [path for path in there if any(path[:len(new)] == new or new[:len(path)] == path for new in wanted)]
    for path in stale:
        there.pop(path)
    own = {**{k: v for k, v in own.items() if k not in ("spec", "status", "data")}, **built({**there, **wanted}, schema)}
    own["metadata"]["managedFields"] = fields
    return own


STORE = Store()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 600

    def log_message(self, *_):
        pass

    def reply(self, code, body, media="application/json"):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def handle_any(self):
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.body()
        if url.path.startswith("/_test/"):
            return self.reply(200, test(url.path[7:], query, body))
        found = PATH.match(url.path)
        try:
            if not found:
                raise Unserved
            kind = f"{found['group'] or ''}/{found['plural']}"
            if self.command == "GET" and query.get("watch") in ("1", "true"):
                return self.watch(kind, found, query)
            with STORE.changed:
                self.reply(*self.act(kind, found, query, body))
        except Refused as refused:
            self.reply(refused.code, refused.status())
        except Unserved:
            self.reply(404, b"404 page not found\n", "text/plain; charset=utf-8")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def use(self, verb, kind, found):
        group, plural = kind.rsplit("/", 1)
        name = found["name"] if verb in ("get", "update") else ""
        STORE.used.add((verb, group, plural + (f"/{found['sub']}" if found["sub"] else ""), name))

    def act(self, kind, found, query, body):
        key, sub = (found["ns"] or "", found["name"]), found["sub"] or ""
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(self.command) or ("get" if key[1] else "list")
        if not self.headers.get("X-Test"):
            self.use(verb, kind, found)
        if verb == "list":
            return 200, self.listed(kind, found, query)
        if verb == "get":
            return 200, STORE.get(kind, key)
        if verb == "create":
            return 201, STORE.create(kind, (key[0], body["metadata"]["name"]), body)
        if verb == "update":
            return 200, STORE.update(kind, key, sub, lambda _: body)
        if verb == "delete":
            return 200, STORE.delete(kind, key)
        media = self.headers["Content-Type"]
        if media == "application/apply-patch+yaml":
            force = query.get("force") == "true"
            return 200, STORE.update(kind, key, sub, lambda own: applied(own, body, query.get("fieldManager"), force, sub, STORE.schema(kind)))
        if media == "application/merge-patch+json":
            return 200, STORE.update(kind, key, sub, lambda own: merged(own, body))
        raise Refused(415, "UnsupportedMediaType", media)

    def listed(self, kind, found, query):
        all = sorted(own for own in STORE.all(kind).items() if found["ns"] in (None, own[0][0]))
        limit, start = int(query.get("limit") or 0), int(query.get("continue") or 0)
        page = all[start:start + limit] if limit else all[start:]
        more = start + len(page) < len(all)
        version, name = BUILT_IN.get(kind) or (f"{found['group']}/{found['version']}", "Resource")
        return {"kind": f"{name}List", "apiVersion": version, "items": [own for _, own in page],
                "metadata": {"resourceVersion": str(STORE.revision), **({"continue": str(start + len(page))} if more else {})}}

    def watch(self, kind, found, query):
        self.use("watch", kind, found)
        since = int(query.get("resourceVersion") or 0)
        end = time.monotonic() + int(query.get("timeoutSeconds") or 1800)
        with STORE.changed:
            STORE.all(kind)
            epoch = STORE.epoch
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                with STORE.changed:
                    log = STORE.log.setdefault(kind, [])
                    news = [own for own in log[first(log, since):] if found["ns"] in (None, own[2]["metadata"].get("namespace"))]
                    if since < STORE.cut:
                        gone = Refused(410, "Expired", "too old resource version").status()
                        self.chunk({"type": "ERROR", "object": gone})
                        break
                    # The last events of a definition that goes are told still.
                    if STORE.epoch != epoch or not (news or kind in BUILT_IN or STORE.definition(kind)):
                        break
                    if not news:
                        STORE.changed.wait(1)
                        news = None
                    since = STORE.revision if news else since
                    known = STORE.revision
                for revision, word, own in news or []:
                    self.chunk({"type": word, "object": own})
                # A watch ends when it was asked to; between its events nothing is heard of it until then.
                if news is None and time.monotonic() >= end:
                    if query.get("allowWatchBookmarks") == "true" and not log[first(log, since):]:
                        self.chunk({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(max(since, known))}, **head(kind, found)}})
                    break
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        self.close_connection = True

    def chunk(self, event):
        text = json.dumps(event).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()


def head(kind, found):
    version, name = BUILT_IN.get(kind) or (f"{found['group']}/{found['version']}", "WaypostService")
    return {"apiVersion": version, "kind": name}


def first(log, since):
    """The place of the first event after a revision."""
    low, high = 0, len(log)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if log[middle][0] <= since else (low, middle)
    return low


def test(word, query, body):
    """What the tests do to the server, beside what a client does."""
    with STORE.changed:
        if word == "close":
            STORE.epoch += 1
            STORE.changed.notify_all()
        elif word == "compact":
            # Whatever a watch has seen is too old now.
            STORE.revision += 1
            STORE.cut, STORE.log = STORE.revision, {}
            STORE.changed.notify_all()
        elif word == "load":
            for kind, own in body:
                meta = own["metadata"]
                STORE.create(kind, (meta.get("namespace", ""), meta["name"]), own)
                if kind.startswith("/services"):
                    STORE.objects[kind][(meta["namespace"], meta["name"])] = own
        elif word == "count":
            all = STORE.objects.get(query["kind"], {}).values()
            is_true = lambda own, kind: any(c["type"] == kind and c["status"] == "True" for c in (own.get("status") or {}).get("conditions", []))
            return {"all": len(all), "programmed": sum(is_true(own, "Programmed") for own in all), "ready": sum(is_true(own, "Ready") for own in all)}
        elif word == "used":
            return sorted(STORE.used)
    return {}


def end(*_):
    STORE.save()
    os._exit(0)


signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
