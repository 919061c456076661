// States of endpoints: how bad each is, and the one sentence that they make together.
import { clock, listed, moment, plural, span } from "./format.js";

/** The worst first. */
export const STATES = ["down", "unwatched", "doubted", "capped", "outvoted", "unapproved", "gated", "held", "degraded", "drained", "draining", "forced", "returning", "ramping", "weighted", "unproven", "unmonitored", "disabled", "healthy"];

const TONES = {
  down: "bad", unwatched: "bad", doubted: "warn", capped: "warn", outvoted: "warn", degraded: "warn", unapproved: "warn", gated: "warn", held: "warn",
  drained: "info", draining: "info", forced: "info", returning: "info", ramping: "info", weighted: "info",
  unproven: "idle", unmonitored: "idle", disabled: "idle", healthy: "good", up: "good",
  // Of nodes.
  this: "good", heard: "good", late: "warn", silent: "bad",
};

export const tone = (state) => TONES[state] ?? "idle";
const RANKS = new Map(STATES.map((state, place) => [state, place]));
export const rank = (state) => RANKS.get(state) ?? STATES.length;

/** What an endpoint is: its worst target; of two that are as bad, the first. */
export function worst(endpoint) {
  let found = known.get(endpoint);
  if (!found) known.set(endpoint, (found = find(endpoint)));
  return found;
}

/** A piece that changes is another object: what was found of it once holds. */
const known = new WeakMap();

function find(endpoint) {
  if (endpoint.disabled) return { state: "disabled", share_permille: 0, detail: "out of service by the config", since_at: null };
  let found = null;
  for (const target of endpoint.targets) {
    if (!found || rank(target.state) < rank(found.state)) found = target;
  }
  return found ?? { state: "unmonitored", share_permille: 1000, detail: "", since_at: null };
}

/** Tells whether the targets of an endpoint are not all the same. */
export function differs(endpoint) {
  const [first, ...rest] = endpoint.targets;
  return rest.some((own) => own.state !== first.state || own.share_permille !== first.share_permille || own.detail !== first.detail);
}

export const waits = (endpoint) => endpoint.targets.some((target) => target.wants_approval);

const until = (endpoints, now) => {
  const ends = endpoints.flatMap((endpoint) => endpoint.orders.filter((order) => order.action === "drain").map((order) => moment(order.ends_at)));
  const known = ends.filter(Boolean);
  return known.length > 0 && known.length === ends.length ? ` until ${clock(Math.max(...known), { now })}` : "";
};

/** Everything that is to be said of the state, worst first. */
export function sentence({ head, endpoints, services, zones }, now) {
  const parts = [];
  const add = (tone, text, href) => parts.push({ tone, text, href });
  const by = new Map();
  for (const endpoint of endpoints) {
    const { state } = worst(endpoint);
    if (!by.has(state)) by.set(state, []);
    by.get(state).push(endpoint);
  }
  const of = (state) => by.get(state) ?? [];
  const open = services.filter((service) => service.fail_open);
  if (open.length) add("bad", `${listed(open.map((one) => one.name))} ${open.length === 1 ? "has" : "have"} nothing healthy for some clients and answer${open.length === 1 ? "s" : ""} all the same`, "#/services");
  const none = services.filter((service) => service.all_down);
  if (none.length) add("bad", `${listed(none.map((one) => one.name))} ${none.length === 1 ? "answers" : "answer"} nothing for some clients`, "#/services");
  if (of("down").length) add("bad", `${of("down").length} down`, "#/endpoints?state=down");
  if (of("unwatched").length) add("bad", `${of("unwatched").length} unwatched`, "#/endpoints?state=unwatched");
  if (head.doubting) add("bad", "this node doubts its own probes", "#/events");
  const withheld = zones.filter((zone) => zone.withheld || zone.unsigned || zone.serial === null);
  if (withheld.length) add("bad", `${listed(withheld.map((zone) => zone.name))} not answered as it should be`, "#/zones");
  const full = services.filter((service) => service.overloaded_thousandths > 0);
  if (full.length) add("bad", `${listed(full.map((one) => one.name))} asks for more than fits`, "#/services");
  if (head.refused) add("bad", `config refused ${span(now - moment(head.refused.refused_at))} ago`, "#/plan");
  if (head.capped) add("warn", "so much is out that nothing more is taken out", "#/events");
  const kept = [...of("doubted"), ...of("capped")];
  if (kept.length) add("warn", `${kept.length} failing but kept`, "#/endpoints?state=doubted");
  const waiting = endpoints.filter(waits);
  if (waiting.length) add("warn", `${waiting.length} ${waiting.length === 1 ? "waits" : "wait"} for approval`, "#/endpoints?state=unapproved");
  const held = [...of("held"), ...of("gated")];
  if (held.length) add("warn", `${held.length} back but held`, "#/endpoints?state=held");
  const drained = [...of("drained"), ...of("draining")];
  if (drained.length) add("info", `${drained.length} ${of("drained").length ? "drained" : "draining"}${until(drained, now)}`, "#/endpoints?state=drained");
  if (of("forced").length) add("info", `${of("forced").length} forced`, "#/endpoints?state=forced");
  const back = [...of("ramping"), ...of("returning")];
  if (back.length) add("info", `${back.length} coming back`, "#/endpoints?state=ramping");
  if (of("unproven").length) add("idle", `${of("unproven").length} not proven yet`, "#/endpoints?state=unproven");
  const bad = parts.length === 0;
  if (bad) add("good", endpoints.length === 0 ? "There are no endpoints" : `All ${plural(endpoints.length - of("disabled").length, "endpoint")} ${endpoints.length === 1 ? "is" : "are"} healthy`, "#/endpoints");
  const signed = zones.filter((zone) => zone.signing);
  const late = signed.filter((zone) => moment(zone.signing.overdue_at) < now);
  const expiring = head.certificate && moment(head.certificate.expires_at) - now < 7 * 86_400_000;
  if (late.length) add("bad", `signatures of ${listed(late.map((zone) => zone.name))} are overdue`, "#/zones");
  else if (signed.length) add("good", "signatures fine", "#/zones");
  if (expiring) add("warn", `certificate expires ${clock(moment(head.certificate.expires_at), { now })}`, "#/zones");
  const order = ["bad", "warn", "info", "idle", "good"];
  return parts.sort((one, two) => order.indexOf(one.tone) - order.indexOf(two.tone));
}
