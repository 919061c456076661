// Services, and monitors with what they probe.
import { useMemo } from "preact/hooks";
import { clock, count, moment, percent, plural, span, units } from "./format.js";
import { Select, useWide } from "./endpoints.jsx";
import { Bar, Pill, Region, State } from "./parts.jsx";
import { VirtualList } from "./virtual.jsx";

const troubled = (own) => (own.fail_open || own.all_down ? 2 : own.overloaded_thousandths > 0 ? 1 : 0);

const SORTS = {
  state: (one, two) => troubled(two) - troubled(one) || one.name.localeCompare(two.name),
  name: (one, two) => one.name.localeCompare(two.name),
  demand: (one, two) => two.demand_thousandths - one.demand_thousandths || one.name.localeCompare(two.name),
};

export function Services({ data, route, go }) {
  const large = useWide();
  const { query = "", sort = "state" } = route.query;
  const set = (more) => go("services", { ...route.query, ...more });
  const found = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const own = data.services.filter((one) => words.every((word) => `${one.name} ${one.hostnames.join(" ")} ${one.residency}`.toLowerCase().includes(word)));
    return own.sort(SORTS[sort] ?? SORTS.state);
  }, [data.services, query, sort]);
  const rows = useMemo(() => found.flatMap((own) => [{ own, pool: null }, ...merged(own.pools).map((pool) => ({ own, pool }))]), [found]);
  return (
    <div class="view">
      <h1>Services <span class="quiet">{plural(data.services.length, "service")}</span></h1>
      <div class="filters" role="search">
        <input id="search" type="search" placeholder="Search   /" aria-label="Search services" value={query} onInput={(event) => set({ query: event.target.value })} />
        <Select label="Sort by" always value={sort} onChange={(value) => set({ sort: value })} choices={Object.keys(SORTS).map((own) => [own, `sort by ${own}`])} />
      </div>
      <VirtualList label="Services" rows={rows} columns={4} height={large ? 40 : 62} empty="No service is like this."
        header={large && <div role="row" class="row service-row"><span role="columnheader">Service</span><span role="columnheader">Hostnames, or who serves</span><span role="columnheader">Share</span><span role="columnheader">Demand</span></div>}
        render={({ own, pool }, style, index) => (
          <div role="row" key={own.name + (pool ? pool.region + pool.family : "")} class={`row service-row ${pool ? "sub" : "lead"}`} style={style} aria-rowindex={index}>
            {pool ? (
              <>
                <span role="cell"><span class="faint">└ </span><Region regions={data.regions} name={pool.region} /> <span class="faint">{pool.family}</span></span>
                <span role="cell" class="quiet clip">{pool.serving.join(", ") || "nobody"}{pool.tier > 1 && <Pill tone="warn">tier {pool.tier}</Pill>}</span>
                <span role="cell"><Bar permille={pool.share_permille} tone={pool.share_permille === 0 ? "bad" : pool.tier > 1 || pool.share_permille < 1000 ? "warn" : "good"} /></span>
                <span role="cell" />
              </>
            ) : (
              <>
                <span role="cell"><a class="link" href={`#/overview?service=${encodeURIComponent(own.name)}`}>{own.name}</a> <Pill tone="idle">{own.residency}</Pill></span>
                <span role="cell" class="quiet clip">{own.hostnames.join(", ")}</span>
                <span role="cell">{own.fail_open ? <Pill tone="bad">fail-open</Pill> : own.all_down ? <Pill tone="bad">{own.when_all_down}</Pill> : <Pill tone="good">served</Pill>}</span>
                <span role="cell" class="quiet">{own.demand_thousandths > 0 && `${units(own.demand_thousandths)}${own.overloaded_thousandths ? `, ${units(own.overloaded_thousandths)} too much` : ""}`}</span>
              </>
            )}
          </div>
        )} />
    </div>
  );
}

/** Pools of both families as one where they are alike. */
function merged(pools) {
  const found = [];
  for (const pool of pools) {
    const same = found.find((own) => own.region === pool.region && own.share_permille === pool.share_permille && own.tier === pool.tier && own.serving.join() === pool.serving.join());
    if (same) same.family = `${same.family} ${pool.family}`;
    else found.push({ ...pool });
  }
  return found;
}

export function Monitors({ data, route, go, onOpen, now }) {
  const large = useWide();
  const { query = "", state = "", monitor = "" } = route.query;
  const set = (more) => go("monitors", { ...route.query, ...more });
  const all = useMemo(() => {
    const slots = new Map();
    for (const endpoint of data.endpoints) {
      for (const target of endpoint.targets) {
        for (const slot of target.slots) slots.set(`${slot.monitor} ${slot.address} ${endpoint.name}`, { ...slot, endpoint: endpoint.name });
      }
    }
    for (const slot of data.head?.canaries ?? []) slots.set(`canary ${slot.address}`, { ...slot, endpoint: "" });
    return [...slots.values()];
  }, [data.endpoints, data.head]);
  const names = useMemo(() => [...new Set(all.map((own) => own.monitor))].sort(), [all]);
  const rows = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const own = all.filter((one) => (!state || one.state === state) && (!monitor || one.monitor === monitor) && words.every((word) => `${one.monitor} ${one.address} ${one.endpoint} ${one.cause ?? ""}`.toLowerCase().includes(word)));
    const order = ["down", "unproven", "up"];
    return own.sort((one, two) => order.indexOf(one.state) - order.indexOf(two.state) || (moment(one.certificate_expires_at) ?? Infinity) - (moment(two.certificate_expires_at) ?? Infinity));
  }, [all, query, state, monitor]);
  return (
    <div class="view">
      <h1>Monitors <span class="quiet">{plural(names.length, "monitor")}, {count(all.length)} probed</span></h1>
      <div class="filters" role="search">
        <input id="search" type="search" placeholder="Search   /" aria-label="Search probes" value={query} onInput={(event) => set({ query: event.target.value })} />
        <Select label="Monitor" value={monitor} onChange={(value) => set({ monitor: value })} choices={names.map((own) => [own, own])} />
        <Select label="State" value={state} onChange={(value) => set({ state: value })} choices={["down", "unproven", "up"].map((own) => [own, own])} />
      </div>
      <VirtualList label="Probes" rows={rows} columns={5} height={large ? 36 : 62} empty="Nothing is probed like this."
        header={large && <div role="row" class="row monitor-row">{["State", "Monitor", "Address", "Endpoint", "Cause, certificate"].map((own) => <span role="columnheader" key={own}>{own}</span>)}</div>}
        render={(own, style, index) => (
          <div role="row" class="row monitor-row" key={own.monitor + own.address + own.endpoint} style={style} aria-rowindex={index}>
            <span role="cell"><State state={own.unwatched ? "unwatched" : own.state} /></span>
            <span role="cell">{own.monitor}</span>
            <span role="cell"><code>{own.address}</code></span>
            <span role="cell">{own.endpoint ? <button type="button" class="link" onClick={() => onOpen(own.endpoint)}>{own.endpoint}</button> : <span class="quiet">canary</span>}</span>
            <span role="cell" class="quiet clip">{own.cause}{own.certificate_expires_at && ` certificate for ${span(moment(own.certificate_expires_at) - now)}, until ${clock(moment(own.certificate_expires_at), { now })}`}</span>
          </div>
        )} />
    </div>
  );
}

export function Zones({ data, now }) {
  const { head } = data;
  return (
    <div class="view scrolls">
      <h1>Zones and keys <span class="quiet">{plural(data.zones.length, "zone")}</span></h1>
      <div class="table-box" tabIndex={0} role="region" aria-label="Zones">
        <table>
          <thead><tr><th scope="col">Zone</th><th scope="col">Serial</th><th scope="col">Names</th><th scope="col">Signed</th><th scope="col">Keys</th><th scope="col">Next steps</th></tr></thead>
          <tbody>
            {data.zones.map((zone) => (
              <tr key={zone.name}>
                <th scope="row">{zone.name}</th>
                <td>{zone.serial ?? <Pill tone="bad">not answered</Pill>}</td>
                <td>{count(zone.names)}</td>
                <td><Signing zone={zone} now={now} /></td>
                <td>{zone.signing?.keys.map((key) => <p key={key.tag} class="key">{key.tag} <span class="quiet">{key.role} {key.algorithm}</span> <Pill tone={key.phase === "active" || key.phase === "seen" ? "good" : key.phase === "retired" ? "idle" : "info"}>{key.phase}</Pill></p>)}</td>
                <td class="quiet">{zone.signing?.next.map((step) => <p key={step}>{step}</p>)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>What the server goes by</h2>
      <dl class="facts">
        <div><dt>Geo data</dt><dd>{head.geo.source}, built {clock(moment(head.geo.built_at), { now })} <span class="quiet">({span(now - moment(head.geo.built_at))} old, {count(head.geo.networks)} networks)</span></dd></div>
        <div><dt>Certificate</dt><dd>{head.certificate ? <>{head.certificate.names.join(", ")} <span class="quiet">until {clock(moment(head.certificate.expires_at), { now })}, for {span(moment(head.certificate.expires_at) - now)}</span></> : "none: no encrypted transport"}</dd></div>
        <div><dt>Limited networks</dt><dd>{head.limited.length ? head.limited.map((own) => <p key={own.network + own.class}>{own.network} <span class="quiet">{own.class}</span></p>) : "none"}</dd></div>
      </dl>
    </div>
  );
}

function Signing({ zone, now }) {
  if (zone.withheld) return <Pill tone="bad">withheld: {zone.withheld}</Pill>;
  if (zone.unfinished) return <Pill tone="warn">{percent((1000 * zone.unfinished.made) / Math.max(1, zone.unfinished.of))} of {count(zone.unfinished.of)} signatures made</Pill>;
  if (zone.unsigned) return <Pill tone="bad">unsigned, and should be signed</Pill>;
  if (!zone.signing) return <span class="quiet">no</span>;
  const late = moment(zone.signing.overdue_at) < now;
  return <><Pill tone={late ? "bad" : "good"}>{late ? "overdue" : "fine"}</Pill> <span class="quiet">{zone.signing.denial}{zone.signing.elsewhere ? ", signed elsewhere" : ""}, renewed {clock(moment(zone.signing.due_at), { now })}, first expires {clock(moment(zone.signing.expires_at), { now })}</span></>;
}
