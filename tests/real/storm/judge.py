"""Judges what several nodes did, by what was written down of it, and shares no code with what it judges.

    judge.py HISTORY      prints what it looked at, and exits 1 if anything is wrong, with a line for each thing

A history is JSON lines in the order in which they were written; `t` is milliseconds since it began, by one clock.

| what | fields |
|---|---|
| begin | nodes: {name: provider}, all of them vantages; targets: [name]; fence: [{name, client, allowed: [address]}]; fresh, alone, heal, patience: bounds in ms |
| links | blocked: [[from, to]], of nodes and "world"; loss, twice, delay, spread: as the fabric has them |
| kill, ready, stop, cont | node: is dead, answers again, is paused, goes on |
| wipe, restore, flip | node, which is dead: its disk is lost, is that of an earlier time, has a bit turned |
| truth | target, up: what a machine really is |
| order | node, id, act (drain, undrain), scope, expires (t or null), given, saw: [id] that its node listed just before; t is when it was acknowledged |
| sample | node, asked, footing, digest, twin, out: [target], orders: [{id, until}] ; t is when it had answered |
| answers | node, name, client, since, count, addresses, rcode |
| lost | node, name, client: a query of this time that was not answered within the patience |
| end | |

What must hold has a function for each, and each of them can find something: see the tests.
"""

import collections
import itertools
import json
import sys

# A probe, the failures that it takes, a beat, a letter: time until what a node sees is what it says.
SEEN = 12_000
# Time within which an order of a whole cluster is known to all, and what was out is back.
SPREAD = 10_000
# Time between a node's going on after a pause, and its being itself again.
AWAKE = 2_000


class History:
    def __init__(self, lines):
        self.lines = lines
        self.begin = lines[0]
        self.nodes = sorted(self.begin["nodes"])
        self.end = lines[-1]["t"]
        self.samples = collections.defaultdict(list)
        self.orders = [line for line in lines if line["what"] == "order"]
        for line in lines:
            if line["what"] == "sample":
                self.samples[line["node"]].append(line)
        self.truths = [line for line in lines if line["what"] == "truth"]
        self.disks = [line for line in lines if line["what"] in ("wipe", "restore", "flip")]
        self.links = self.spans_of_links()
        self.down = self.spans_of_nodes("kill", "ready")
        self.paused = self.spans_of_nodes("stop", "cont")

    def spans_of_links(self):
        """[(from, to, what is wrong)] without gaps."""
        whole = {"blocked": [], "loss": 0, "twice": 0, "delay": 0, "spread": 0}
        spans, since, wrong = [], 0, whole
        for line in self.lines:
            if line["what"] == "links":
                spans.append((since, line["t"], wrong))
                since, wrong = line["t"], line
        return spans + [(since, self.end + 1, wrong)]

    def spans_of_nodes(self, first, last):
        """{node: [(from, to)]}; one that does not end lasts to the end of all."""
        spans, open_since = collections.defaultdict(list), {}
        for line in self.lines:
            if line["what"] == first:
                open_since.setdefault(line["node"], line["t"])
            elif line["what"] == last and line["node"] in open_since:
                spans[line["node"]].append((open_since.pop(line["node"]), line["t"]))
        for node, since in open_since.items():
            spans[node].append((since, self.end + 1))
        return spans

    def was(self, spans, node, since, until):
        return any(begin <= until and end >= since for begin, end in spans[node])

    def lives(self, node, since, until):
        """It ran all of the time, and had run for a moment."""
        return not self.was(self.down, node, since, until) and not self.was(
            self.paused, node, since - AWAKE, until
        )

    def dead(self, node, since, until):
        """It ran at none of the time."""
        spans = self.down[node] + self.paused[node]
        return any(begin <= since and end >= until for begin, end in spans)

    def reach(self, node, since, until):
        """All whom this node may have heard in the time, by whatever ways there were at any time in it."""
        pairs = set()
        for begin, end, wrong in self.links:
            if begin <= until and end >= since:
                blocked = {tuple(pair) for pair in wrong["blocked"]}
                for one, two in itertools.combinations(self.nodes, 2):
                    if (one, two) not in blocked and (two, one) not in blocked:
                        pairs.add((one, two))
        alive = {one for one in self.nodes if not self.dead(one, since, until)} | {node}
        found, todo = {node}, [node]
        while todo:
            own = todo.pop()
            for one, two in pairs:
                for other in ((two,) if one == own else (one,) if two == own else ()):
                    if other in alive and other not in found:
                        found.add(other)
                        todo.append(other)
        return found

    def calms(self):
        """[(from, to)]: times in which all links are whole and all nodes run."""
        rough = [(a, b) for a, b, wrong in self.links if wrong["blocked"] or wrong["loss"] or wrong["delay"] or wrong["spread"] or wrong["twice"]]
        for spans in (self.down, self.paused):
            rough += [span for node in self.nodes for span in spans[node]]
        calms, at = [], 0
        for begin, end in sorted(rough):
            if begin > at:
                calms.append((at, begin))
            at = max(at, end)
        if at < self.end:
            calms.append((at, self.end))
        return calms

    def rests(self):
        """Times at the ends of which everything must be everywhere: healed long ago, and nothing ordered of late."""
        bound = self.begin["heal"]
        for begin, end in self.calms():
            # The beginning of all is a start, and takes no less.
            begin += bound
            for order in self.orders:
                if begin - SPREAD < order["t"] <= end:
                    if order["given"] > begin:
                        yield begin, order["given"]
                    begin = max(begin, order["t"] + SPREAD)
            if end > begin:
                yield begin, end

    def last(self, node, since, until):
        own = [one for one in self.samples[node] if since <= one["asked"] and one["t"] <= until]
        return own[-1] if own else None


def digests_meet(history, told):
    """Digests are equal within a bound after healing."""
    for since, until in history.rests():
        lasts = {node: history.last(node, since, until) for node in history.nodes}
        if None in lasts.values():
            continue
        told["rests"] += 1
        if len({one["digest"] for one in lasts.values()}) > 1:
            orders = {node: one["digest"][:8] for node, one in lasts.items()}
            yield f"at {until}, {until - since} ms after all should be everywhere, nodes have different orders: {orders}"


def is_lost_with_its_disk(history, order):
    """The disk of its node was touched before anybody else can have had it."""
    for line in history.disks:
        if line["node"] == order["node"] and line["t"] >= order["t"]:
            # It takes some quiet seconds with somebody who lives.
            for since, until, wrong in history.links:
                since, until = max(since, order["t"]), min(until, line["t"])
                for other in history.nodes:
                    blocked = [pair for pair in wrong["blocked"] if set(pair) == {other, order["node"]}]
                    both = (order["node"], other)
                    if other == order["node"] or blocked or wrong["loss"] > 100:
                        continue
                    for begin in range(since, until - SPREAD, 1000):
                        if all(history.lives(one, begin, begin + SPREAD) for one in both):
                            return False
            return True
    return False


def orders_stay(history, told):
    """No acknowledged order is lost while a disk survives that has it; who undrained what he saw drained is obeyed."""
    for since, until in history.rests():
        lasts = [history.last(node, since, until) for node in history.nodes]
        if None in lasts:
            continue
        for scope in {order["scope"] for order in history.orders}:
            own = [one for one in history.orders if one["scope"] == scope and one["t"] < since]
            undrains = [one for one in own if one["act"] == "undrain"]
            drains = [one for one in own if one["act"] == "drain"]
            live = [one for one in drains if one["expires"] is None or one["expires"] > until + 3000]
            # The orders that nobody who undrained can have known.
            unknown = [one for one in live if not any(may_know(history, two, one) for two in undrains)]
            must = [one for one in unknown if not is_lost_with_its_disk(history, one)]
            # Those that one who undrained knew for certain.
            over = [one for one in live if any(one["id"] in two["saw"] for two in undrains if not is_lost_with_its_disk(history, two))]
            for sample in lasts:
                listed = {one["id"] for one in sample["orders"]}
                listed_scopes = [one for one in drains if one["id"] in listed]
                if must:
                    told["orders"] += 1
                    if not listed_scopes:
                        ids = [one["id"] for one in must]
                        yield f"at {sample['t']} {sample['node']} has lost the drain of {scope}: {ids}"
                elif len(over) == len(live) and live:
                    told["undrained"] += 1
                    if any(one["id"] in listed for one in over):
                        yield f"at {sample['t']} {sample['node']} still drains {scope}, which was undrained"


def may_know(history, later, order):
    """The node of one order may have known the other when it was given."""
    if later["t"] < order["given"]:
        return False
    if order["id"] in later["saw"] or later["node"] == order["node"]:
        return True
    return order["node"] in history.reach(later["node"], order["given"], later["t"])


def ejections(history):
    """(node, target, since, until, footings): what a node newly took out between two looks at it."""
    for node in history.nodes:
        for before, after in itertools.pairwise(history.samples[node]):
            between = (before["asked"], after["t"])
            if history.was(history.down, node, *between) or history.was(history.paused, node, between[0] - AWAKE, between[1]):
                continue
            for target in set(after["out"]) - set(before["out"]):
                yield node, target, *between, {before["footing"], after["footing"]}


def majorities_eject(history, told):
    """What is taken out by quorum, more than half of all vantages, of two providers, can have said and can have been heard."""
    fresh = history.begin["fresh"]
    for node, target, since, until, footings in ejections(history):
        if "alone" in footings:
            told["alone"] += 1
            continue
        told["ejections"] += 1
        heard = history.reach(node, since - fresh - SEEN, until)
        said = {one for one in heard if may_say_down(history, one, target, since - fresh - SEEN, until)}
        providers = {history.begin["nodes"][one] for one in said}
        if 2 * len(said) <= len(history.nodes) or len(providers) < 2:
            yield f"at {until} {node} takes {target} out, and only {sorted(said)} can have told it so"


def may_say_down(history, node, target, since, until):
    """A node may have found a target down: it was, or could not be reached."""
    was = True
    for line in history.truths:
        if line["target"] == target:
            if line["t"] <= since:
                was = line["up"]
            elif line["t"] <= until and not line["up"]:
                return True
    if not was:
        return True
    for begin, end, wrong in history.links:
        if begin <= until and end >= since:
            blocked = any(set(pair) == {node, "world"} for pair in wrong["blocked"])
            if blocked or wrong["loss"] or wrong["delay"] + wrong["spread"] > 100:
                return True
    # A probe that was under way when it was paused may be late.
    return history.was(history.paused, node, since, until) or history.was(history.down, node, since, until)


def parts_do_not_both_eject(history, told):
    """Two parts of a torn network never take out the same target, both by quorum."""
    fresh = history.begin["fresh"]
    found = [one for one in ejections(history) if "alone" not in one[4]]
    for one, two in itertools.combinations(found, 2):
        if one[1] == two[1] and one[0] != two[0]:
            told["pairs"] += 1
            since, until = min(one[2], two[2]) - fresh - SEEN, max(one[3], two[3])
            if abs(one[2] - two[2]) < 60_000 and two[0] not in history.reach(one[0], since, until):
                yield f"{one[0]} (at {one[3]}) and {two[0]} (at {two[3]}) both take {one[1]} out, and do not hear each other"


def nothing_expired_holds(history, told):
    """Nothing that has ended is in force."""
    ends = {order["id"]: order["expires"] for order in history.orders if order["expires"] is not None}
    for node in history.nodes:
        for sample in history.samples[node]:
            for order in sample["orders"]:
                expires = ends.get(order["id"], order["until"])
                if expires is not None:
                    told["ending"] += 1
                    if expires + 2000 < sample["asked"]:
                        yield f"at {sample['asked']} {node} has {order['id']} in force, which ended at {expires}"


def all_are_answered(history, told):
    """A node that lives answers."""
    patience = history.begin["patience"]
    for line in history.lines:
        if line["what"] == "answers":
            told["answers"] += line["count"]
            if line["rcode"] != 0 or not line["addresses"]:
                yield f"at {line['t']} {line['node']} answers {line['name']} with rcode {line['rcode']} and {line['addresses']}"
        if line["what"] == "lost":
            told["lost"] += 1
            if history.lives(line["node"], line["t"], line["t"] + patience):
                yield f"{line['node']} lives, and did not answer {line['name']} of {line['t']}"


def the_fence_is_whole(history, told):
    """Clients are answered inside their fence."""
    fences = {(one["name"], one["client"]): set(one["allowed"]) for one in history.begin["fence"]}
    for line in history.lines:
        if line["what"] == "answers" and (line["name"], line["client"]) in fences:
            told["fenced"] += line["count"]
            outside = set(line["addresses"]) - fences[line["name"], line["client"]]
            if outside:
                yield f"at {line['t']} {line['node']} sends {line['client']} for {line['name']} to {sorted(outside)}"


def all_see_the_truth(history, told):
    """When all has been well for long, what is out is what is down."""
    for since, until in history.rests():
        changes = [one["t"] for one in history.truths if one["t"] <= until]
        if changes and until - changes[-1] < history.begin["heal"]:
            continue
        down = {}
        for line in history.truths:
            if line["t"] <= until:
                down[line["target"]] = not line["up"]
        down = {target for target, is_down in down.items() if is_down}
        for node in history.nodes:
            sample = history.last(node, max(since, until - 5000), until)
            if sample is not None:
                told["truths"] += 1
                if set(sample["out"]) != down:
                    yield f"at {sample['t']} {node} has {sorted(sample['out'])} out, and {sorted(down)} are down"
                if sample["twin"]:
                    yield f"at {sample['t']} {node} believes that it has a twin"


RULES = [
    digests_meet,
    orders_stay,
    majorities_eject,
    parts_do_not_both_eject,
    nothing_expired_holds,
    all_are_answered,
    the_fence_is_whole,
    all_see_the_truth,
]


def main():
    with open(sys.argv[1]) as file:
        history = History([json.loads(line) for line in file])
    told, wrong = collections.Counter(), 0
    for rule in RULES:
        for what in itertools.islice(rule(history, told), 20):
            wrong += 1
            print(f"{rule.__name__}: {what}")
    print(json.dumps(told, sort_keys=True))
    sys.exit(min(wrong, 1))


main()
