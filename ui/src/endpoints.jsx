// Endpoints: found, filtered, sorted; a line for each, with lines below where its targets differ.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "./api.js";
import { clock, milliseconds, moment, plural, span, units } from "./format.js";
import { Bar, Region, State } from "./parts.jsx";
import { STATES, differs, rank, tone, waits, worst } from "./state.js";
import { Sparkline } from "./timeline.jsx";
import { VirtualList } from "./virtual.jsx";

const wide = matchMedia("(min-width: 760px)");
export function useWide() {
  const [own, set] = useState(wide.matches);
  useEffect(() => {
    const listen = () => set(wide.matches);
    wide.addEventListener("change", listen);
    return () => wide.removeEventListener("change", listen);
  }, []);
  return own;
}

const SORTS = {
  state: (one, two) => rank(one.worst.state) - rank(two.worst.state) || one.place - two.place,
  name: (one, two) => one.name.localeCompare(two.name),
  region: (one, two) => one.region.localeCompare(two.region) || one.place - two.place,
  provider: (one, two) => one.provider.localeCompare(two.provider) || one.tier - two.tier,
  share: (one, two) => one.worst.share_permille - two.worst.share_permille || one.place - two.place,
  load: (one, two) => load(two) - load(one) || one.place - two.place,
  since: (one, two) => (moment(two.worst.since_at) ?? 0) - (moment(one.worst.since_at) ?? 0),
};

const matches = (text, words) => words.every((word) => text.includes(word));

const load = (own) => (own.capacity && own.load_thousandths !== null ? own.load_thousandths / own.capacity : -1);

/** States that are looked for together. */
const GROUPS = { drained: ["drained", "draining"], ramping: ["ramping", "returning"], doubted: ["doubted", "capped"], held: ["held", "gated"] };

/** An endpoint with what it is looked for by; found once for each that is new. */
const known = new WeakMap();
function described(endpoint) {
  let found = known.get(endpoint);
  if (!found) {
    found = { ...endpoint, worst: worst(endpoint), services: [...new Set(endpoint.targets.flatMap((target) => target.services))] };
    known.set(endpoint, found);
  }
  return found;
}

const haystack = (own) => `${own.name} ${own.region} ${own.provider} ${own.addresses.join(" ")} ${own.worst.state} ${own.worst.detail} ${own.services.join(" ")}`.toLowerCase();

export function Endpoints({ data, route, go, onOpen, now }) {
  const large = useWide();
  const { query = "", state = "", region = "", service = "", sort = "state" } = route.query;
  const set = (more) => go("endpoints", { ...route.query, ...more });
  const all = useMemo(() => data.endpoints.map(described), [data.endpoints]);
  const found = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = state ? (GROUPS[state] ?? [state]) : null;
    const own = all.filter((one) =>
      (!wanted || wanted.includes(one.worst.state) || (state === "unapproved" && waits(one)))
      && (!region || one.region === region) && (!service || one.services.includes(service))
      && (words.length === 0 || matches(haystack(one), words)));
    return own.sort(SORTS[sort] ?? SORTS.state);
  }, [all, query, state, region, service, sort]);
  const rows = useMemo(() => found.flatMap((own) => [{ own, target: null }, ...(differs(own) ? own.targets.map((target) => ({ own, target })) : [])]), [found]);
  const counts = useMemo(() => all.reduce((sums, one) => sums.set(one.worst.state, (sums.get(one.worst.state) ?? 0) + 1), new Map()), [all]);
  const head = (key, text, extra = "") => (
    <span role="columnheader" class={extra} aria-sort={sort === key ? "ascending" : "none"}>
      <button type="button" onClick={() => set({ sort: key })}>{text}{sort === key && <span aria-hidden="true"> ↓</span>}</button>
    </span>
  );
  return (
    <div class="view">
      <h1>Endpoints <span class="quiet">{found.length === all.length ? plural(all.length, "endpoint") : `${found.length} of ${all.length}`}</span></h1>
      <div class="filters" role="search">
        <input id="search" type="search" placeholder="Search   /" aria-label="Search endpoints" value={query} onInput={(event) => set({ query: event.target.value })} />
        <Select label="State" value={state} onChange={(value) => set({ state: value })} choices={STATES.filter((own) => counts.has(own) || own === state).map((own) => [own, `${own} (${counts.get(own) ?? 0})`])} />
        <Select label="Region" value={region} onChange={(value) => set({ region: value })} choices={data.regions.map((own) => [own.name, own.name])} />
        <Select label="Service" value={service} onChange={(value) => set({ service: value })} choices={data.services.map((own) => [own.name, own.name])} />
        {!large && <Select label="Sort by" always value={sort} onChange={(value) => set({ sort: value })} choices={Object.keys(SORTS).map((own) => [own, `sort by ${own}`])} />}
      </div>
      <VirtualList label="Endpoints" rows={rows} columns={7} height={large ? 40 : 62} empty="Nothing is like this."
        header={large && <div role="row" class="row endpoint-row">{head("state", "State")}{head("name", "Endpoint")}{head("region", "Region")}{head("provider", "Provider")}{head("share", "Share")}{head("load", "Load")}{head("since", "Since")}</div>}
        render={({ own, target }, style, index) => {
          const shown = target ?? own.worst;
          return (
            <div role="row" key={`${own.name} ${target ? `${target.family} ${target.watch} ${target.services[0]}` : ""}`} class={`row endpoint-row ${target ? "sub" : ""}`} style={style} aria-rowindex={index}>
              <span role="cell" class="c-state"><State state={shown.state} /></span>
              <span role="cell" class="c-name">
                {target ? <span class="quiet">└ {target.family} {target.watch || "no monitor"} <span class="faint">{target.services.join(", ")}</span></span>
                  : <button type="button" class="link" onClick={() => onOpen(own.name)}>{own.name}</button>}
                <Note own={own} target={target} now={now} />
              </span>
              <span role="cell" class="c-region">{!target && <Region regions={data.regions} name={own.region} />}</span>
              <span role="cell" class="c-provider">{!target && <>{own.provider} <span class="faint">t{own.tier} w{own.weight}</span></>}</span>
              <span role="cell" class="c-share"><Bar permille={shown.share_permille} tone={tone(shown.state)} /></span>
              <span role="cell" class="c-load">{!target && own.load_thousandths !== null && <Load own={own} />}</span>
              <span role="cell" class="c-since quiet">{shown.since_at && span(now - moment(shown.since_at))}</span>
            </div>
          );
        }} />
    </div>
  );
}

function Note({ own, target, now }) {
  const shown = target ?? own.worst;
  const drain = own.orders[0];
  const parts = [];
  if (!target && drain) parts.push(`${drain.action}${drain.value ? ` ${drain.value}` : ""}${drain.scope === own.name ? "" : ` ${drain.scope}`}${drain.author ? ` by ${drain.author}` : ""}${drain.reason ? `: ${drain.reason}` : ""}${drain.ends_at ? `, until ${clock(moment(drain.ends_at), { now })}` : ""}`);
  if (shown.detail && shown.state !== "healthy") parts.push(shown.detail);
  shown.regions?.forEach((one) => parts.push(one.detail));
  if (shown.next_step_at) parts.push(`next step in ${span(moment(shown.next_step_at) - now)}`);
  return parts.length ? <span class="note" title={parts.join(" · ")}>{parts.join(" · ")}</span> : null;
}

export function Load({ own }) {
  if (!own.capacity) return <span class="quiet">{units(own.load_thousandths)}</span>;
  const part = own.load_thousandths / own.capacity;
  return <Bar permille={part} tone={part > 1000 ? "bad" : part > 850 ? "warn" : "info"} label={`${units(own.load_thousandths)} of ${own.capacity.toLocaleString("en")}`} />;
}

export const Select = ({ label, value, choices, onChange, always }) => (
  <label class="select"><span class="hidden">{label}</span>
    <select value={value} onChange={(event) => onChange(event.target.value)}>
      {!always && <option value="">{label}: all</option>}
      {choices.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
    </select>
  </label>
);

/** One endpoint in full, beside everything else. */
export function EndpointPanel({ name, data, onClose, onAct, onTold, may, plays, now }) {
  const [found, set] = useState(null);
  const own = data.endpoints.find((one) => one.name === name);
  useEffect(() => {
    let timer;
    let ended = false;
    const look = () => ask("endpoint", { name }).then((view) => !ended && set(view), () => {}).finally(() => { if (!ended) timer = setTimeout(look, 3000); });
    set(null);
    look();
    return () => { ended = true; clearTimeout(timer); };
  }, [name]);
  const points = useMemo(() => found?.latencies ?? [], [found?.latencies.length, name]);
  if (!own) return <Panel title={name} onClose={onClose}><p>There is no such endpoint any more.</p></Panel>;
  const targets = found?.endpoint.name === name ? found.endpoint.targets : [];
  const drained = own.orders.some((order) => order.action === "drain");
  const forced = own.orders.some((order) => order.action === "force");
  return (
    <Panel title={name} onClose={onClose}>
      <p><State state={worst(own).state} /> <span class="quiet">{worst(own).detail}</span></p>
      <dl class="facts">
        <div><dt>Region</dt><dd><Region regions={data.regions} name={own.region} /></dd></div>
        <div><dt>Provider</dt><dd>{own.provider} <span class="quiet">tier {own.tier}, weight {own.weight}</span></dd></div>
        <div><dt>Addresses</dt><dd>{own.addresses.map((one) => <code key={one}>{one} </code>)}</dd></div>
        {own.load_thousandths !== null && <div><dt>Load</dt><dd><Load own={own} /></dd></div>}
      </dl>
      {own.orders.map((order) => <p class="order" key={order.scope + order.since_at}>{order.action} {order.value} {order.scope} <span class="quiet">by {order.author || "nobody named"}{order.reason && `: ${order.reason}`}, for {span(now - moment(order.since_at))}{order.ends_at && `, until ${clock(moment(order.ends_at), { now })}`}</span></p>)}
      <div class="buttons">
        <button type="button" onClick={() => onAct({ action: "drain", scope: name })} disabled={!may}>Drain …</button>
        <button type="button" onClick={() => onAct({ action: "undrain", scope: name })} disabled={!may || !drained}>Undrain …</button>
        <button type="button" onClick={() => onAct({ action: "approve", scope: name })} disabled={!may || !waits(own)}>Approve …</button>
        <button type="button" onClick={() => onAct({ action: "force", scope: name })} disabled={!may}>Override …</button>
        {forced && <button type="button" onClick={() => onAct({ action: "lift", scope: name })} disabled={!may}>Lift …</button>}
      </div>
      {!may && <p class="quiet small-text">To order anything, sign in with a token of role operator.</p>}
      {plays && <Machine key={name} own={own} onTold={onTold} />}
      <h3>Latency of probes</h3>
      {points.length > 1 ? <Sparkline points={points} /> : <p class="quiet small-text">Not enough samples yet: there is one every five minutes.</p>}
      <h3>Targets and probes</h3>
      {targets.map((target) => (
        <div class="target" key={target.family + target.watch + target.services.join()}>
          <p><State state={target.state} /> <b>{target.family}</b> {target.watch || "no monitor"} <Bar permille={target.share_permille} tone={tone(target.state)} /></p>
          <p class="quiet small-text">{[target.detail, target.votes, target.services.join(", "), target.without.length && `without ${target.without.join(", ")}`].filter(Boolean).join(" · ")}</p>
          {target.regions?.map((own) => <p key={own.region} class="small-text"><State state={own.state} /> {own.detail}</p>)}
          <ul class="slots">
            {target.slots.map((slot) => (
              <li key={slot.monitor + slot.address}><State state={slot.state === "up" ? "up" : slot.state} /> {slot.monitor} <code>{slot.address}</code> <span class="quiet">{slot.cause ?? ""} {slot.age_ms === null ? "not probed yet" : `${milliseconds(slot.took_us)}, ${span(slot.age_ms)} ago`}{slot.certificate_expires_at && `, certificate until ${clock(moment(slot.certificate_expires_at), { now })}`}</span></li>
            ))}
          </ul>
        </div>
      ))}
    </Panel>
  );
}

/** In a demo alone: the machines are its own, and die and come back by button. */
function Machine({ own, onTold }) {
  const [scope, setScope] = useState(own.name);
  const play = (action) => ask("demo/machines", { action, scope }, { method: "POST" }).then(({ result }) => onTold(result), (error) => onTold(error.message));
  const scopes = [["machine", own.name], ["region", own.region], ["provider", own.provider]];
  return (
    <fieldset class="machine">
      <legend>The demo's machines</legend>
      <select aria-label="Which machines" value={scope} onChange={(event) => setScope(event.target.value)}>{scopes.map(([kind, name]) => <option key={kind} value={name}>{kind} {name}</option>)}</select>
      <div class="buttons">
        <button type="button" class="danger" onClick={() => play("kill")}>Kill</button>
        <button type="button" onClick={() => play("heal")}>Heal</button>
      </div>
    </fieldset>
  );
}

export function Panel({ title, onClose, children }) {
  useEffect(() => {
    const before = document.activeElement;
    document.getElementById("panel-close")?.focus();
    const listen = (event) => event.key === "Escape" && !document.querySelector("dialog[open]") && onClose();
    addEventListener("keydown", listen);
    return () => {
      removeEventListener("keydown", listen);
      before?.focus?.();
    };
  }, [title]);
  return (
    <aside class="panel" aria-label={title}>
      <header><h2>{title}</h2><button id="panel-close" type="button" class="icon" onClick={onClose} aria-label="Close">×</button></header>
      {children}
    </aside>
  );
}
