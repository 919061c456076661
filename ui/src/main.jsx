// The page: what stands on top of all views, and which view is shown.
import { render } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { ask, order, signedIn } from "./api.js";
import { Dialog, IdentityDialog, OrderDialog } from "./actions.jsx";
import { ClusterLine, ClusterView } from "./cluster.jsx";
import { regionColor, theme } from "./colors.js";
import { EndpointPanel, Endpoints, Load, Select, useWide } from "./endpoints.jsx";
import { DownPicker, Explanation, useDownChoices, useExplanation } from "./explain.jsx";
import { clock, countryName, listed, moment, percent, plural, span } from "./format.js";
import { Events, EventText, Orders, PlanView } from "./log.jsx";
import { WorldMap, useMap } from "./map.jsx";
import { Card, Glyph, Pill, Region, Segments, State, Swatch } from "./parts.jsx";
import { Monitors, Services, Zones } from "./services.jsx";
import { rank, sentence, tone, worst } from "./state.js";
import { connect, history, link, useStore, useTick } from "./store.js";
import { Timeline } from "./timeline.jsx";

const VIEWS = [["overview", "Overview"], ["endpoints", "Endpoints"], ["services", "Services"], ["monitors", "Monitors"], ["zones", "Zones"], ["explain", "Explain"], ["plan", "Plan"], ["orders", "Orders"], ["events", "Events"], ["cluster", "Cluster"]];

function parse() {
  const [name, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const view = VIEWS.some(([key]) => key === name) ? name : "overview";
  return { view, query: Object.fromEntries(new URLSearchParams(query)) };
}

function useRoute() {
  const [route, set] = useState(parse);
  useEffect(() => {
    const listen = () => set(parse());
    addEventListener("hashchange", listen);
    return () => removeEventListener("hashchange", listen);
  }, []);
  const go = useCallback((view, query = {}) => {
    const kept = Object.entries(query).filter(([, value]) => value);
    const text = new URLSearchParams(kept).toString();
    window.history.replaceState(null, "", `#/${view}${text ? `?${text}` : ""}`);
    set(parse());
  }, []);
  return [route, go];
}

function useIdentity(live) {
  const [found, set] = useState({ who: null, problem: "" });
  useEffect(() => {
    ask("whoami").then((who) => set({ who, problem: "" }), (error) => set({ who: null, problem: error.status ? error.message : "" }));
  }, [live, signedIn(), link.since]);
  return found;
}

function App() {
  const data = useStore();
  const now = useTick();
  const [route, go] = useRoute();
  const [, redraw] = useState(0);
  const { who, problem } = useIdentity(link.state);
  const [panel, setPanel] = useState("");
  const [dialog, setDialog] = useState(null);
  const [toast, setToast] = useState("");
  useEffect(() => {
    const listen = () => redraw((own) => own + 1);
    theme.listeners.add(listen);
    const keys = (event) => {
      if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement?.tagName)) {
        event.preventDefault();
        document.getElementById("search")?.focus();
      }
    };
    addEventListener("keydown", keys);
    return () => { theme.listeners.delete(listen); removeEventListener("keydown", keys); };
  }, []);
  useEffect(() => {
    if (!toast) return undefined;
    const timer = setTimeout(() => setToast(""), 8000);
    return () => clearTimeout(timer);
  }, [toast]);
  const act = (wanted) => setDialog(wanted.action === "reload" ? { kind: "reload" } : { kind: "order", wanted });
  const done = (text) => { setDialog(null); setToast(text); };
  const gone = link.state === "gone";
  const bad = useMemo(() => data.head && data.endpoints.some((own) => worst(own).state === "down"), [data.version]);
  useEffect(() => {
    document.title = `${gone ? "⚠ " : bad ? "■ " : ""}${data.head?.node ?? "Waypost"} · Waypost`;
  }, [gone, bad, data.head?.node]);
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <TopBar data={data} route={route} go={go} who={who} now={now} onIdentity={() => setDialog({ kind: "identity" })} />
      {gone && <p class="gone" role="alert"><b>The server does not answer since {clock(link.since, { seconds: true })} ({span(Date.now() - link.since)}).</b> What you see is of then. The page asks again by itself.</p>}
      {link.state === "refused" && <p class="gone" role="alert"><b>The server does not let this page look:</b> {link.reason}. <button type="button" class="small" onClick={() => setDialog({ kind: "identity" })}>Sign in</button></p>}
      <main id="main" class={gone ? "stale" : ""}>
        {!data.head ? <p class="loading" role="status">{link.state === "refused" ? "Nothing is shown without a token." : "Waiting for the server …"}</p> : (
          <>
            {route.view === "overview" && <Overview data={data} route={route} go={go} now={now} onOpen={setPanel} />}
            {route.view === "endpoints" && <Endpoints data={data} route={route} go={go} now={now} onOpen={setPanel} />}
            {route.view === "services" && <Services data={data} route={route} go={go} />}
            {route.view === "monitors" && <Monitors data={data} route={route} go={go} onOpen={setPanel} now={now} />}
            {route.view === "zones" && <Zones data={data} now={now} />}
            {route.view === "explain" && <ExplainView data={data} route={route} go={go} />}
            {route.view === "plan" && <PlanView who={who} head={data.head} now={now} onAct={act} />}
            {route.view === "orders" && <Orders who={who} now={now} version={data.version} onAct={act} />}
            {route.view === "events" && <Events route={route} go={go} now={now} version={data.version} />}
            {route.view === "cluster" && <ClusterView summary={data.head.cluster} now={now} />}
          </>
        )}
      </main>
      {panel && <EndpointPanel name={panel} data={data} onClose={() => setPanel("")} onAct={act} onTold={setToast} may={who?.may_order && !gone} plays={who?.may_play && !gone} now={now} />}
      {dialog?.kind === "order" && <OrderDialog wanted={dialog.wanted} data={data} onClose={() => setDialog(null)} onDone={done} />}
      {dialog?.kind === "identity" && <IdentityDialog who={who} problem={problem} onClose={() => setDialog(null)} />}
      {dialog?.kind === "reload" && <ReloadDialog onClose={() => setDialog(null)} onDone={done} />}
      <div class="toasts" role="status" aria-live="polite">{toast && <p class="toast">{toast} <button type="button" class="icon" onClick={() => setToast("")} aria-label="Close">×</button></p>}</div>
    </>
  );
}

function TopBar({ data, route, who, now, onIdentity }) {
  const { head } = data;
  const parts = useMemo(() => (head ? sentence(data, now) : []), [data.version, Math.floor(now / 10_000)]);
  const text = { live: "live", connecting: "connecting", gone: "not connected", refused: "not allowed" }[link.state];
  const next = { "": "light", light: "dark", dark: "" }[theme.chosen];
  return (
    <header class="top">
      <div class="bar-top">
        <a class="brand" href="#/overview"><Mark /><span>Waypost</span></a>
        <nav aria-label="Views">{VIEWS.filter(([key]) => key !== "cluster" || head?.cluster).map(([key, title]) => <a key={key} href={`#/${key}`} aria-current={route.view === key ? "page" : undefined}>{title}</a>)}</nav>
        <div class="bar-tools">
          <span class={`link-state ${link.state}`} role="status">{text}</span>
          <button type="button" class="icon" onClick={() => theme.choose(next)} aria-label={`Colours: ${theme.chosen || "as the system"}; change to ${next || "as the system"}`} title={`Colours: ${theme.chosen || "as the system"}`}>{{ "": "◐", light: "☀", dark: "☾" }[theme.chosen]}</button>
          <button type="button" class="who" onClick={onIdentity}>{who ? (who.identity === "anybody" ? "read-only" : who.identity.replace(/^\w+ /, "")) : "sign in"}</button>
        </div>
      </div>
      {head && (
        <div class="statement">
          <p class={`sentence ${parts[0]?.tone ?? ""}`} aria-live="polite">
            {parts.map((part, at) => <><a key={part.text} href={part.href} class={part.tone}><Glyph tone={part.tone} />{part.text}</a>{at < parts.length - 1 ? ", " : ""}</>)}
          </p>
          <p class="node"><b>{head.node}</b> <span>version {head.version}</span> <span>generation {head.generation}</span> <span>table {span(now - moment(head.built_at))} old</span> <span>up {span(now - moment(head.started_at))}</span> <span>policy <code title={`policy ${head.policy}, plan ${head.plan}`}>{head.policy.slice(0, 8)}</code></span></p>
          {head.cluster && <ClusterLine own={head.cluster} now={now} />}
        </div>
      )}
    </header>
  );
}

const Mark = () => <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M11 2h2v3h6l3 3-3 3h-6v2h4v6h-4v3h-2v-3H5l-3-3 3-3h6v-2H7V5h4z" /></svg>;

function Overview({ data, route, go, now, onOpen }) {
  const { service: wanted = "", down: downText = "" } = route.query;
  const [at, setAt] = useState(null);
  const [picked, setPicked] = useState("");
  const [showsNow, setShowsNow] = useState(false);
  const service = data.services.find((own) => own.name === wanted) ?? data.services[0];
  const down = useMemo(() => downText.split(",").filter(Boolean), [downText]);
  const families = new Set(service?.pools.map((pool) => pool.family));
  const family = families.has("v4") || families.size === 0 ? "v4" : "v6";
  const found = useMap({ service: service?.name, family, down, at, generation: data.head.generation });
  const choices = useDownChoices(data);
  const countries = useMemo(() => (found.map?.countries ?? []).map((own) => [own.country, countryName(own.country)]).sort((one, two) => one[1].localeCompare(two[1])), [found.map]);
  const compare = down.length > 0 || Boolean(at);
  const country = found.map?.countries.find((own) => own.country === picked);
  const set = (more) => go("overview", { ...route.query, ...more });
  useEffect(() => { if (!compare) setShowsNow(false); }, [compare]);
  const bad = useMemo(() => data.endpoints.map((own) => ({ own, worst: worst(own) })).filter(({ worst: one }) => tone(one.state) !== "good" && one.state !== "disabled").sort((one, two) => rank(one.worst.state) - rank(two.worst.state)), [data.version]);
  const movedPart = useMemo(() => movement(found), [found]);
  return (
    <div class="overview">
      <h1 class="hidden">Overview</h1>
      <Card title="Who serves whom" id="map-title" class="map-card" tools={
        <div class="tools">
          {useMemo(() => <Select label="Service" always value={service?.name ?? ""} onChange={(value) => set({ service: value })} choices={data.services.map((own) => [own.name, own.name])} />, [data.services.length, data.head.plan, service?.name, route])}
          {useMemo(() => <Select label="Country" value={picked} onChange={setPicked} choices={countries} />, [countries, picked])}
        </div>
      }>
        <div class="map-tools">
          <DownPicker id="what-if" choices={choices} down={down} onChange={(value) => set({ down: value.join(",") })} />
          {compare && <Segments label="Which state the map shows" value={showsNow ? "now" : "then"} choices={[["then", at ? clock(at, { seconds: true, now }) + (down.length ? ", if down" : "") : "If down"], ["now", "Now"]]} onChange={(value) => setShowsNow(value === "now")} />}
          {compare && !showsNow && <span class="quiet">{movedPart}</span>}
        </div>
        {useMemo(() => <WorldMap found={found} regions={data.regions} byRegion={data.byRegion} picked={picked} onPick={setPicked} compare={compare} showsNow={showsNow} />, [found, data.version, picked, compare, showsNow, theme.isDark()])}
      </Card>
      <div class="side">
        {country ? <CountryCard country={country} service={service} family={family} down={down} data={data} at={at} onClose={() => setPicked("")} />
          : <Card title="Regions" id="regions-title"><RegionList data={data} shares={(showsNow ? found.now : found.map)?.regions ?? []} /></Card>}
        <Card title={bad.length ? `Needs attention (${bad.length})` : "Needs attention"} id="attention-title" class="attention">
          {bad.length === 0 ? <p class="quiet">Nothing: every endpoint serves as it should.</p> : (
            <ul class="plain">
              {bad.slice(0, 8).map(({ own, worst: one }) => <li key={own.name}><State state={one.state} /> <button type="button" class="link" onClick={() => onOpen(own.name)}>{own.name}</button> <span class="quiet">{one.detail}</span></li>)}
              {bad.length > 8 && <li><a href="#/endpoints">and {bad.length - 8} more</a></li>}
            </ul>
          )}
        </Card>
      </div>
      <Timeline regions={data.regions} at={at} onPick={setAt} version={data.version} />
      <Card title="What happened last" id="last-title" class="last" tools={<a href="#/events">All events</a>}>
        <ul class="plain events">{history.events.slice(-9).reverse().map((own) => <li key={own.number}><button type="button" class="moment" onClick={() => setAt(moment(own.told_at))} title="Show this moment on the map"><EventText event={own} now={now} /></button></li>)}</ul>
        {history.events.length === 0 && <p class="quiet">Nothing has happened yet.</p>}
      </Card>
    </div>
  );
}

function movement({ map, now }) {
  if (!map || !now) return "";
  const before = new Map(now.countries.map((own) => [own.country, own.regions[0]?.region]));
  const moved = map.countries.filter((own) => before.get(own.country) !== own.regions[0]?.region);
  return moved.length === 0 ? "No country is served by another region than now." : `${plural(moved.length, "country", "countries")} served by another region than now, outlined`;
}

function RegionList({ data, shares }) {
  const of = new Map(shares.map((own) => [own.region ?? "", own.share_permille]));
  return (
    <ul class="regions">
      {data.regions.map((region) => {
        const own = data.byRegion.get(region.name) ?? [];
        const states = [...own.reduce((sums, endpoint) => sums.set(worst(endpoint).state, (sums.get(worst(endpoint).state) ?? 0) + 1), new Map())].sort((one, two) => rank(one[0]) - rank(two[0]));
        return (
          <li key={region.name}>
            <p class="region-line"><Swatch color={regionColor(data.regions, region.name)} /><a href={`#/endpoints?region=${encodeURIComponent(region.name)}`}>{region.name}</a> <span class="quiet">{region.jurisdiction ?? ""}</span><b class="part">{percent(of.get(region.name) ?? 0)}</b></p>
            <span class="bar region-bar" aria-hidden="true"><i style={{ width: `${(of.get(region.name) ?? 0) / 10}%`, background: regionColor(data.regions, region.name) }} /></span>
            <p class="region-states">{states.map(([state, number]) => <span key={state} class={`state ${tone(state)}`}><Glyph tone={tone(state)} />{number} {state}</span>)}{region.load_thousandths !== null && <Load own={region} />}</p>
          </li>
        );
      })}
      {of.has("") && <li class="quiet">{percent(of.get(""))} get no address</li>}
    </ul>
  );
}

function CountryCard({ country, service, family, down, data, at, onClose }) {
  const found = useExplanation({ name: service.hostnames[0], client: country.client, type: family === "v4" ? "A" : "AAAA", down, generation: data.head.generation });
  return (
    <Card title={countryName(country.country)} id="country-title" class="country" tools={<button type="button" class="icon" onClick={onClose} aria-label={`Close ${countryName(country.country)}`}>×</button>}>
      <ul class="plain shares">{country.regions.slice(0, 4).map((part) => <li key={part.region}><Region regions={data.regions} name={part.region ?? "no address"} /> <b class="part">{percent(part.share_permille)}</b></li>)}</ul>
      {at && <p class="quiet small-text">The parts are of {clock(at, { seconds: true })}; the explanation is of now.</p>}
      <Explanation found={found} regions={data.regions} />
    </Card>
  );
}

function ExplainView({ data, route, go }) {
  const { name = data.services[0]?.hostnames[0] ?? "", client = "", type = "A", down: downText = "", country = "" } = route.query;
  const [draft, setDraft] = useState({ name, client, type });
  const down = downText.split(",").filter(Boolean);
  const service = data.services.find((own) => own.hostnames.includes(name)) ?? data.services[0];
  const { map } = useMap({ service: service?.name, family: "v4", down: [], at: null, generation: data.head.generation });
  const asked = client || map?.countries.find((own) => own.country === country)?.client || "";
  const found = useExplanation({ name, client: asked, type, down, generation: data.head.generation });
  const choices = useDownChoices(data);
  const set = (more) => go("explain", { ...route.query, ...more });
  const amend = (key) => (event) => setDraft({ ...draft, [key]: event.target.value });
  const submit = (event) => {
    event.preventDefault();
    set({ ...draft, country: draft.client ? "" : country });
  };
  return (
    <div class="view scrolls">
      <h1>Explain</h1>
      <p>What does one client get for a name, and why?</p>
      <form class="explain-form" onSubmit={submit}>
        <label>Name<input type="text" list="hostnames" value={draft.name} onInput={amend("name")} required autoComplete="off" /></label>
        <datalist id="hostnames">{data.services.slice(0, 200).flatMap((own) => own.hostnames).map((own) => <option key={own} value={own} />)}</datalist>
        <label>Type<select value={draft.type} onChange={amend("type")}>{["A", "AAAA", "TXT", "MX", "NS", "SOA", "CAA", "HTTPS"].map((own) => <option key={own}>{own}</option>)}</select></label>
        <label>Client's address<input type="text" value={draft.client} onInput={amend("client")} placeholder="203.0.113.5" autoComplete="off" /></label>
        <label>or country<select value={country} onChange={(event) => { setDraft({ ...draft, client: "" }); set({ ...draft, client: "", country: event.target.value }); }}><option value="">choose one</option>{(map?.countries ?? []).map((own) => [own.country, countryName(own.country)]).sort((one, two) => one[1].localeCompare(two[1])).map(([code, text]) => <option key={code} value={code}>{text}</option>)}</select></label>
        <button type="submit" class="primary">Explain</button>
      </form>
      <DownPicker id="explain-down" choices={choices} down={down} onChange={(value) => set({ down: value.join(",") })} />
      {asked ? <div class="card explain-card"><Explanation found={found} regions={data.regions} /></div> : <p class="quiet">Give a client's address, or choose a country.</p>}
    </div>
  );
}

function ReloadDialog({ onClose, onDone }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      onDone((await ask("reload", {}, { method: "POST" })).result);
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return (
    <Dialog title="Read the config again" onClose={onClose}>
      <p>The server reads its config and all that it names. With an error, nothing is changed; what drops much of what there is, is refused.</p>
      {problem && <pre class="problem" role="alert">{problem}</pre>}
      <div class="buttons"><button type="button" class="primary" disabled={busy} onClick={confirm}>Read it again</button><button type="button" onClick={onClose}>Cancel</button></div>
    </Dialog>
  );
}

theme.apply();
render(<App />, document.getElementById("app"));
connect();
