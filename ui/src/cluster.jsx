// The other nodes: in one line on top of all views, and each with whom it hears.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api.js";
import { moment, span } from "./format.js";
import { Pill, State } from "./parts.jsx";

/** Nodes that are named in the line; the others are counted. */
const NODES = 20;
/** Vantages that the matrix has room for. */
const MATRIX = 40;
const STATES = { this: "good", heard: "good", late: "warn", silent: "warn", revoked: "quiet" };
/** A certificate that expires sooner is told of. */
const NEAR = 14 * 86_400_000;

/** What is wrong between the nodes, each in a few words, and whether it is the worst that can be. */
function troubles(own, now) {
  const left = own.certificate_expires_at ? moment(own.certificate_expires_at) - now : Infinity;
  const found = [
    own.twin && ["bad", "another node writes with this one's key"],
    own.footing !== "together" && ["bad", `${own.footing}: ${own.vantages.heard} of ${own.vantages.of} vantages heard`],
    own.route === "withdrawn" && ["bad", `the anycast route is withdrawn: ${own.route_reason}`],
    own.route === "unsound" && ["warn", `the anycast route is kept still: ${own.route_reason}`],
    own.release?.state === "halted" && ["bad", `release ${own.release.version} is halted: ${own.release.reason}`],
    ...(own.certificates ?? []).map((text) => ["bad", text]),
    left > 0 && left < NEAR && ["warn", `this node's certificate expires in ${span(left)}`],
    own.nats && !own.nats.server && ["warn", `no NATS server is connected to, for ${span(now - moment(own.nats.since_at))}${own.nats.trouble ? `: ${own.nats.trouble}` : ""}`],
    own.orders_differ.length > 0 && ["warn", `other orders: ${own.orders_differ.join(", ")}`],
    own.config_differs.length > 0 && ["warn", `another config: ${own.config_differs.join(", ")}`],
    own.skewed.length > 0 && ["warn", `clock off: ${own.skewed.join(", ")}`],
    ...own.declared_refused.map((text) => ["warn", `not taken: ${text}`]),
  ];
  return found.filter(Boolean);
}

export function ClusterLine({ own, now }) {
  const others = [...own.others].sort((a, b) => (a.state === "heard") - (b.state === "heard"));
  return (
    <p class="node cluster"><a href="#/cluster">cluster <b>{own.cluster}</b></a> <span>{own.node}, {own.footing}</span>
      {others.slice(0, NODES).map((other) => <span key={other.name} class={`peer ${STATES[other.state] ?? ""}`} title={other.state}>{other.name}{other.state === "heard" ? "" : ` (${other.state})`}</span>)}
      {others.length > NODES && <span>and {others.length - NODES} more</span>}
      {troubles(own, now).map(([tone, text]) => <span key={text} class={tone}>{text}</span>)}
    </p>
  );
}

export function ClusterView({ summary, now }) {
  const [{ view, problem }, set] = useState({ view: null, problem: "" });
  useEffect(() => {
    let timer;
    let ended = false;
    const look = () => ask("cluster").then((next) => !ended && set({ view: next, problem: "" }), (error) => !ended && set((before) => ({ ...before, problem: error.message })))
      .finally(() => { if (!ended) timer = setTimeout(look, 2000); });
    look();
    return () => { ended = true; clearTimeout(timer); };
  }, []);
  const nodes = view?.nodes ?? [];
  const vantages = nodes.filter((own) => own.part === "vantage");
  const ill = summary ? troubles(summary, now) : [];
  return (
    <div class="view scrolls">
      <h1>Cluster {summary && <span class="quiet">{summary.cluster}, {summary.nodes.heard} of {summary.nodes.of} nodes heard, {summary.vantages.heard} of {summary.vantages.of} vantages</span>}</h1>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {ill.length > 0 && <ul class="plain">{ill.map(([tone, text]) => <li key={text} class={tone}>{text}</li>)}</ul>}
      {summary?.release && <p>Release {summary.release.version} <Pill tone={summary.release.state === "halted" ? "bad" : "info"}>{summary.release.state}</Pill> <span class="quiet">{summary.release.reason}</span></p>}
      {summary?.nats?.server && <p class="quiet">Connected to {summary.nats.server} for {span(now - moment(summary.nats.since_at))}{summary.nats.trouble && `; before: ${summary.nats.trouble}`}</p>}
      <div class="table-box" tabIndex={0} role="region" aria-label="Nodes">
        <table>
          <thead><tr>{["Node", "Region", "Provider", "Part", "State", "Heard", "Clock", "Orders", "Config", "Table"].map((own) => <th scope="col" key={own}>{own}</th>)}</tr></thead>
          <tbody>{nodes.map((own) => <Node key={own.name} own={own} />)}</tbody>
        </table>
      </div>
      {vantages.length > 1 && <Matrix vantages={vantages} />}
    </div>
  );
}

const Hash = ({ text, same }) => (text ? <><code>{text.slice(0, 8)}</code>{!same && <Pill tone="warn">differs</Pill>}</> : null);

const Node = ({ own }) => (
  <tr>
    <th scope="row">{own.name}</th><td>{own.region}</td><td>{own.provider}</td><td>{own.part}</td>
    <td><State state={own.state} />{own.doubting && <Pill tone="warn">doubts its network</Pill>}{own.head?.route && own.head.route !== "announced" && <Pill tone="bad">{own.head.route}</Pill>}</td>
    <td>{own.age_ms === null ? "" : `${span(own.age_ms)} ago by ${own.heard_by === "nats" ? "NATS" : own.heard_by}`}</td>
    <td>{own.skew_ms === null ? "" : `${(own.skew_ms / 1000).toFixed(1)} s off`}</td>
    <td><Hash text={own.head?.orders} same={own.head?.orders_same} /></td>
    <td><Hash text={own.head?.config} same={own.head?.config_same} /></td>
    <td>{own.head?.generation}</td>
  </tr>
);

/** Whom each vantage hears; of one that is not heard nobody knows it. */
function Matrix({ vantages }) {
  const speaks = (row) => ["this", "heard", "late"].includes(row.state);
  const deaf = (row) => vantages.filter((column) => column !== row && !row.hears.includes(column.name)).map((own) => own.name);
  if (vantages.length > MATRIX) {
    return <><h2>Who hears whom</h2><ul class="plain">{vantages.filter(speaks).map((row) => <li key={row.name}>{row.name} hears {deaf(row).length ? `all but ${deaf(row).join(", ")}` : "all"}</li>)}</ul></>;
  }
  const cell = (row, column) => {
    if (row === column || !speaks(row)) return ["", row === column ? "itself" : "not known"];
    return row.hears.includes(column.name) ? ["●", "heard"] : ["■", "not heard"];
  };
  return (
    <>
      <h2>Who hears whom</h2>
      <div class="table-box" tabIndex={0} role="region" aria-label="Who hears whom">
        <table class="matrix">
          <thead><tr><th scope="col">hears</th>{vantages.map((own) => <th scope="col" key={own.name}>{own.name}</th>)}</tr></thead>
          <tbody>{vantages.map((row) => (
            <tr key={row.name}><th scope="row">{row.name}</th>{vantages.map((column) => {
              const [mark, words] = cell(row, column);
              return <td key={column.name} title={words} class={mark === "■" ? "bad" : "good"}><span aria-hidden="true">{mark}</span><span class="hidden">{words}</span></td>;
            })}</tr>
          ))}</tbody>
        </table>
      </div>
    </>
  );
}
