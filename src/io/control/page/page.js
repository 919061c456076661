"use strict";

const REFRESH_MS = 2000;
const GOOD = new Set(["healthy", "up"]);
const BAD = new Set(["down"]);

const percent = (permille) => `${permille / 10} %`;
const tone = (state) => (GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "middling");

/** Thousandths of the operator's unit as units. */
const units = (thousandths) => (thousandths / 1000).toLocaleString("en", { maximumFractionDigits: 0 });

/** What is carried beside what can be, if anything is asked for. */
function load(found) {
  if (found.load_thousandths === null) return "";
  return ` · carries ${units(found.load_thousandths)}${found.capacity === null ? "" : ` of ${units(found.capacity * 1000)}`}`;
}

/** A span of time as a person says it. */
function span(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** An element with a class and children; strings become text, never markup. */
function element(tag, look, ...children) {
  const made = document.createElement(tag);
  if (look) made.className = look;
  made.append(...children);
  return made;
}

function bar(permille, look) {
  const filled = element("i");
  filled.style.width = `${permille / 10}%`;
  return element("div", `bar ${look}`, filled);
}

function target(found, siblings) {
  const look = tone(found.state);
  const next = found.next_step_ms === null ? "" : ` · next step in ${span(found.next_step_ms)}`;
  const several = siblings.filter((other) => other.family === found.family).length > 1;
  const watch = several ? ` (${found.watch || "no monitor"})` : "";
  const words = [found.detail, several || !found.detail ? found.services.join(", ") : ""].filter(Boolean).join(" · ");
  const probes = found.slots.map((slot) => {
    const took = slot.age_ms === null ? "not probed yet" : `${(slot.took_us / 1000).toFixed(1)} ms, ${span(slot.age_ms)} ago`;
    return element("div", "small quiet", `${slot.monitor} ${slot.address}: ${slot.cause ?? slot.state} (${took})`);
  });
  return element("div", "",
    element("div", "row", element("span", look, `${found.family}${watch} ${found.state}`), element("span", "", percent(found.share_permille))),
    bar(found.share_permille, look),
    element("div", "small quiet", `${words} · for ${span(found.since_ms)}${next}`),
    ...probes);
}

function endpoint(found) {
  const orders = found.orders.map((order) => {
    const value = order.value === null ? "" : ` ${order.value}`;
    const end = order.ends_in_ms === null ? "" : `, ends in ${span(order.ends_in_ms)}`;
    return element("div", "small middling", `${order.action} ${order.scope}${value} for ${span(order.since_ms)} by ${order.author || "nobody named"}${order.reason ? `: ${order.reason}` : ""}${end}`);
  });
  return element("div", "endpoint",
    element("div", "row", element("strong", "", found.name), element("span", "quiet", `${found.provider} · tier ${found.tier} · weight ${found.weight}`)),
    element("div", "small quiet", found.addresses.join(", ") + load(found)),
    ...orders,
    ...found.targets.map((own) => target(own, found.targets)));
}

function region(found) {
  return element("article", "card",
    element("div", "head", element("h3", "", found.name), element("span", "quiet", (found.jurisdiction ?? "no jurisdiction") + load(found))),
    ...found.endpoints.map(endpoint));
}

function serviceRows(service) {
  const word = service.fail_open ? " (fail-open)" : service.all_down ? ` (all down: ${service.when_all_down})` : "";
  const name = element("td", word ? "bad" : "", service.name + word);
  return service.pools.map((pool, index) => {
    const own = index === 0
      ? [name, element("td", "small", service.hostnames.join(", ")), element("td", "", service.residency)]
      : [element("td"), element("td"), element("td")];
    return element("tr", "", ...own,
      element("td", "", pool.region), element("td", "", pool.family), element("td", "", percent(pool.share_permille)),
      element("td", "", pool.tier === null ? "–" : String(pool.tier)), element("td", "small", pool.serving.join(", ") || "–"));
  });
}

function alarms(status) {
  const found = [];
  const refused = status.refused;
  if (refused) found.push(`Config refused ${span(refused.age_ms)} ago, the one before it is in force: ${refused.reason}.`);
  const sick = status.canaries.filter((canary) => canary.cause !== null).map((canary) => `${canary.address} (${canary.cause})`);
  const canaries = sick.length === 0 ? "" : ` Canaries that fail: ${sick.join(", ")}.`;
  if (status.doubting) found.push(`This node doubts its own probes: nothing more is taken out.${canaries}`);
  if (status.capped) found.push("So much is out already that nothing more is taken out automatically.");
  if (status.unwatched.length > 0) found.push(`Unwatched: ${status.unwatched.join(", ")}. This node can run no probe of them; what it knew last is answered.`);
  for (const service of status.services) {
    if (service.overloaded_thousandths > 0) found.push(`${service.name}: ${units(service.overloaded_thousandths)} of ${units(service.demand_thousandths)} fit nowhere within the stated capacities (${service.overload}).`);
    if (service.fail_open) found.push(`${service.name}: nothing healthy for clients of ${service.fail_open_regions.join(", ")}; answered with endpoints that are down.`);
    if (service.all_down) found.push(`${service.name}: nothing healthy for clients of ${service.all_down_regions.join(", ")}; they get ${service.when_all_down}.`);
  }
  return found.join(" ");
}

function alarm(text) {
  const box = document.getElementById("alarm");
  box.hidden = text === "";
  box.textContent = text;
}

function show(status) {
  const fill = (id, nodes) => document.getElementById(id).replaceChildren(...nodes);
  document.getElementById("summary").textContent =
    `${status.version} · generation ${status.generation} · table ${span(status.table_age_ms)} old · up ${span(status.uptime_ms)} · plan ${status.plan}`;
  alarm(alarms(status));
  fill("regions", status.regions.map(region));
  fill("services", status.services.flatMap(serviceRows));
  const signed = (zone) => (zone.signing ? `, signed by ${zone.signing.keys.map((key) => key.tag).join(" and ")}` : "");
  const zones = status.zones.map((zone) => `${zone.name} (${zone.names} names${signed(zone)})`).join(", ");
  const built = status.geo.built_at.slice(0, 10);
  document.getElementById("sources").textContent =
    `Zones: ${zones || "none"}. Geo: ${status.geo.source}, built ${built}, ${status.geo.networks} networks.`;
}

async function refresh() {
  try {
    const response = await fetch("/api/v1/status");
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    show(body);
  } catch (error) {
    alarm(`No status: ${error.message}`);
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
