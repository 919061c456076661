// What happened, what was ordered, and what was changed; and another config held against the one in force.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "./api.js";
import { Select, useWide } from "./endpoints.jsx";
import { clock, count, moment } from "./format.js";
import { Glyph, Pill } from "./parts.jsx";
import { history } from "./store.js";
import { VirtualList } from "./virtual.jsx";

const TONES = { bad: "bad", warning: "warn", note: "info", good: "good" };

export const EventText = ({ event, now }) => (
  <>
    <time dateTime={event.told_at}>{clock(moment(event.told_at), { seconds: true, now })}</time> <Glyph tone={TONES[event.level] ?? "idle"} /> <span title={event.text}>{event.text}</span>
  </>
);

export function Events({ route, go, now, version }) {
  const large = useWide();
  const { query = "", kind = "", level = "" } = route.query;
  const set = (more) => go("events", { ...route.query, ...more });
  const rows = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return history.events.filter((own) => (!kind || own.kind === kind) && (!level || own.level === level) && words.every((word) => `${own.text} ${own.region ?? ""} ${own.service ?? ""} ${own.author ?? ""}`.toLowerCase().includes(word))).reverse();
  }, [version, query, kind, level]);
  const kinds = [...new Set(history.events.map((own) => own.kind))].sort();
  return (
    <div class="view">
      <h1>Events <span class="quiet">{count(rows.length)}{history.begins && `, since ${clock(history.begins, { now })}`}</span></h1>
      <div class="filters" role="search">
        <input id="search" type="search" placeholder="Search   /" aria-label="Search events" value={query} onInput={(event) => set({ query: event.target.value })} />
        <Select label="Kind" value={kind} onChange={(value) => set({ kind: value })} choices={kinds.map((own) => [own, own.replace("_", " ")])} />
        <Select label="Level" value={level} onChange={(value) => set({ level: value })} choices={["bad", "warning", "note", "good"].map((own) => [own, own])} />
      </div>
      <VirtualList label="Events" rows={rows} columns={1} height={large ? 34 : 58} empty="Nothing has happened."
        render={(own, style, index) => (
          <div role="row" class="row event-row" key={own.number} style={style} aria-rowindex={index}>
            <span role="cell" class="clip"><EventText event={own} now={now} /></span>
          </div>
        )} />
    </div>
  );
}

export function Orders({ who, now, version, onAct }) {
  const [found, set] = useState({ orders: null, lines: null, problem: "" });
  const told = history.events.at(-1)?.number;
  useEffect(() => {
    let ended = false;
    ask("orders").then((orders) => !ended && set((own) => ({ ...own, orders })), () => {});
    if (who?.may_order) ask("audit/lines", { last: 200 }).then(({ lines }) => !ended && set((own) => ({ ...own, lines, problem: "" })), (error) => !ended && set((own) => ({ ...own, lines: null, problem: error.message })));
    return () => (ended = true);
  }, [told, who?.identity]);
  return (
    <div class="view scrolls">
      <h1>Orders and changes</h1>
      <h2>In force</h2>
      {found.orders?.orders.length === 0 && <p class="quiet">No order holds anything.</p>}
      {found.orders?.orders.length > 0 && (
        <div class="table-box" tabIndex={0} role="region" aria-label="Orders in force">
          <table>
            <thead><tr><th scope="col">Order</th><th scope="col">By</th><th scope="col">Reason</th><th scope="col">Until</th><th scope="col">Endpoints</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
            <tbody>{found.orders.orders.map((own) => (
              <tr key={own.action + own.scope + own.given_at}>
                <th scope="row">{own.action} {own.value} {own.scope} {own.state === "pending" && <Pill tone="info">from {clock(moment(own.from), { now })}</Pill>}</th><td>{own.author}</td><td>{own.reason}</td>
                <td>{own.until ? clock(moment(own.until), { now }) : "lifted"}</td><td class="quiet">{own.endpoints.map((one) => one.name).slice(0, 6).join(", ")}{own.endpoints.length > 6 && " …"}</td>
                <td><button type="button" class="small" disabled={!who?.may_order} onClick={() => onAct({ action: own.action === "drain" ? "undrain" : "lift", scope: own.scope })}>{own.action === "drain" ? "Undrain" : "Lift"} …</button></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
      <h2>Ended</h2>
      {found.orders?.history.length ? (
        <ul class="plain">{found.orders.history.slice(0, 50).map((own, at) => <li key={at}><time>{clock(moment(own.ended_at), { now })}</time> {own.action} {own.value} {own.scope} <span class="quiet">by {own.author}{own.reason && `: ${own.reason}`}; {own.end}{own.ended_by && ` by ${own.ended_by}`}</span></li>)}</ul>
      ) : <p class="quiet">None is remembered.</p>}
      <h2>Audit log</h2>
      {!who?.may_order ? <p class="quiet">It names who did what: sign in with role operator to read it.</p>
        : found.problem ? <p class="problem">{found.problem}</p>
        : found.lines && (
          <div class="table-box" tabIndex={0} role="region" aria-label="Audit log">
            <table>
              <thead><tr><th scope="col">#</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Outcome</th><th scope="col">Reason</th></tr></thead>
              <tbody>{found.lines.map((own) => <AuditLine key={own.seq} own={own} now={now} />)}</tbody>
            </table>
          </div>
        )}
    </div>
  );
}

function AuditLine({ own, now }) {
  const what = own.what ?? {};
  const words = [what.action, what.value, what.scope ?? what.name].filter((word) => typeof word === "string").join(" ") || JSON.stringify(what);
  const tones = { done: "good", begun: "info", refused: "warn", failed: "bad" };
  return (
    <tr><td class="quiet">{own.seq}</td><td>{clock(moment(own.time), { seconds: true, now })}</td><td>{own.identity}</td><td>{words}</td>
      <td><Pill tone={tones[own.outcome] ?? "idle"}>{own.outcome}</Pill></td><td class="quiet">{[own.reason, own.detail].filter(Boolean).join("; ")}</td></tr>
  );
}

export function PlanView({ who, head, now, onAct }) {
  const [found, set] = useState({ text: "", name: "", busy: false, problem: "", result: "" });
  const [over, setOver] = useState(false);
  const take = async (file) => {
    if (!file) return;
    const text = await file.text();
    set({ text, name: file.name, busy: true, problem: "", result: "" });
    try {
      const compared = await ask("plan", {}, { method: "POST", body: text, headers: { "Content-Type": "application/toml" } });
      set({ text, name: file.name, busy: false, problem: "", result: compared.text, verdict: compared.comparison.result });
    } catch (error) {
      set({ text, name: file.name, busy: false, problem: error.message, result: "" });
    }
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  const may = who?.may_govern;
  return (
    <div class="view scrolls">
      <h1>Plan</h1>
      {head.refused && <div class="problem" role="alert"><b>The config was refused {clock(moment(head.refused.refused_at), { now })}; the one before it is in force.</b><pre>{head.refused.reason}</pre></div>}
      <p>What would another config change? It is held against the one in force: who moves, what is lost, what is weakened. Nothing is put in force.</p>
      <div class={`drop ${over ? "over" : ""}`} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={may ? drop : undefined}>
        <label class={`button ${may ? "" : "off"}`} for="config-file">Choose a config file</label>
        <input id="config-file" class="hidden-input" type="file" accept=".toml,text/plain" disabled={!may} onChange={(event) => { take(event.target.files[0]); event.target.value = ""; }} />
        <span class="quiet">{may ? "or drop one here. Files that it names are read beside the config in force." : "It takes role admin: a config names files of the server's machine."}</span>
      </div>
      {found.busy && <p role="status">Comparing {found.name} …</p>}
      {found.problem && <pre class="problem" role="alert">{found.problem}</pre>}
      {found.result && (
        <div role="status">
          <p><b>{found.name}</b> <Pill tone={/allowed/i.test(found.verdict) ? "good" : "bad"}>{String(found.verdict).toLowerCase()}</Pill></p>
          <pre class="result" tabIndex={0}>{found.result}</pre>
        </div>
      )}
      <h2>The config in force</h2>
      <p>Plan <code>{head.plan}</code>. <button type="button" class="small" disabled={!may} onClick={() => onAct({ action: "reload", scope: "" })}>Read it again …</button></p>
    </div>
  );
}
