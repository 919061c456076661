// Orders: what is asked for, what it would do, and one word to do it.
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, order, setToken, signedIn } from "./api.js";
import { percent, plural } from "./format.js";
import { reconnect } from "./store.js";

const TITLES = { drain: "Drain", undrain: "Undrain", approve: "Approve", force: "Override", lift: "Lift the override of", reload: "Reload" };
/** What gives back is not worked out beforehand: it goes step by step, and health goes on to be asked. */
const GIVES_BACK = {
  undrain: "It takes clients again as far as its probes let it, in the steps of its recovery. Every drain that was ordered for this scope is lifted.",
  approve: "It goes on with its return, in the steps of its recovery, as long as its probes and gates let it.",
  lift: "It serves again as its probes say.",
};
const SPANS = [["30m", "30 minutes"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "a day"], ["", "until it is lifted"]];

export function Dialog({ title, onClose, children }) {
  const own = useRef();
  useEffect(() => {
    own.current.showModal();
    return () => own.current?.close();
  }, []);
  return (
    <dialog ref={own} onClose={onClose} aria-labelledby="dialog-title">
      <header><h2 id="dialog-title">{title}</h2><button type="button" class="icon" onClick={onClose} aria-label="Close">×</button></header>
      {children}
    </dialog>
  );
}

/** An order in three steps: its words, its consequences, and that it is meant. */
export function OrderDialog({ wanted, data, onClose, onDone }) {
  const [scope, setScope] = useState(wanted.scope);
  const [reason, setReason] = useState("");
  const [lasts, setLasts] = useState("2h");
  const [value, setValue] = useState("down");
  const [forecast, setForecast] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const { action } = wanted;
  const endpoint = data.endpoints.find((own) => own.name === wanted.scope);
  const scopes = endpoint ? [endpoint.name, endpoint.region, endpoint.provider] : [wanted.scope];
  const holds = action === "drain" || action === "force";
  const words = { action, scope, reason: reason.trim(), for: holds ? lasts : undefined, value: action === "force" ? value : undefined };
  const amend = (set) => (event) => {
    set(event.target.value);
    setForecast(null);
    setProblem("");
  };
  const attempt = async (work) => {
    setBusy(true);
    setProblem("");
    try {
      await work();
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  const submit = (event) => {
    event.preventDefault();
    if (holds && !forecast) attempt(async () => setForecast(await order({ ...words, dry_run: true })));
    else confirm();
  };
  const harms = forecast?.damage.length > 0;
  const confirm = () => attempt(async () => {
    const done = await order({ ...words, force: harms && action === "drain" ? true : undefined });
    onDone(done.result);
  });
  return (
    <Dialog title={`${TITLES[action]} ${scope}`} onClose={onClose}>
      <form onSubmit={submit}>
        {scopes.length > 1 && (
          <label>For
            <select value={scope} onChange={amend(setScope)}>{scopes.map((own, at) => <option key={own} value={own}>{["endpoint", "region", "provider"][at]} {own}</option>)}</select>
          </label>
        )}
        {action === "force" && (
          <label>Value
            <select value={value} onChange={amend(setValue)}><option value="down">down: serve nobody</option><option value="up">up: serve in full, whatever probes say</option>{[10, 25, 50, 75].map((own) => <option key={own} value={`${own}%`}>{own} % of its clients</option>)}</select>
          </label>
        )}
        {holds && (
          <label>For how long
            <select value={lasts} onChange={amend(setLasts)}>{SPANS.filter(([own]) => own || action === "drain").map(([own, text]) => <option key={own} value={own}>{text}</option>)}</select>
          </label>
        )}
        <label>Reason
          <input type="text" value={reason} onInput={amend(setReason)} maxLength={500} required placeholder="For those who read the log" />
        </label>
        {problem && <p class="problem" role="alert">{problem}</p>}
        {GIVES_BACK[action] && <p class="consequences">{GIVES_BACK[action]}</p>}
        {forecast && <Consequences forecast={forecast} />}
        <div class="buttons">
          {forecast || !holds ? <button type="submit" class={harms ? "danger" : "primary"} disabled={busy}>{harms ? `${TITLES[action]} all the same` : `Confirm: ${action} ${scope}`}</button>
            : <button type="submit" class="primary" disabled={busy}>Show what it would do</button>}
          <button type="button" onClick={onClose}>Cancel</button>
        </div>
      </form>
    </Dialog>
  );
}

function Consequences({ forecast }) {
  const moving = forecast.services.filter((own) => own.moved_permille > 0);
  return (
    <div class="consequences" role="status">
      <h3>What it would do</h3>
      <p>It is for {plural(forecast.endpoints.length, "endpoint")}: {forecast.endpoints.slice(0, 6).join(", ")}{forecast.endpoints.length > 6 && " …"}</p>
      {forecast.damage.length > 0 && <ul class="damage">{forecast.damage.slice(0, 12).map((own) => <li key={own}>{own}</li>)}</ul>}
      {moving.length === 0 ? <p>No client is given other endpoints than now.</p> : (
        <table>
          <thead><tr><th scope="col">Service</th><th scope="col">Moves</th><th scope="col">Where to</th></tr></thead>
          <tbody>{moving.slice(0, 30).map((own) => (
            <tr key={own.service + own.family}><th scope="row">{own.service} <span class="quiet">{own.family}</span></th><td>{percent(own.moved_permille)}</td>
              <td class="quiet">{own.regions.filter((part) => part.before_permille !== part.after_permille).map((part) => `${part.region ?? "no address"} ${percent(part.before_permille)} → ${percent(part.after_permille)}`).join(", ") || "within its region"}</td></tr>
          ))}</tbody>
        </table>
      )}
    </div>
  );
}

export function IdentityDialog({ who, problem, onClose }) {
  const [text, setText] = useState("");
  const [error, setError] = useState(problem);
  const enter = async (event) => {
    event.preventDefault();
    setToken(text);
    try {
      await ask("whoami");
      reconnect();
      onClose();
    } catch (failed) {
      setToken("");
      setError(failed.message);
    }
  };
  const leave = () => {
    setToken("");
    reconnect();
    onClose();
  };
  return (
    <Dialog title="Who am I" onClose={onClose}>
      {who && (
        <dl class="facts">
          <div><dt>Known as</dt><dd>{who.identity}</dd></div>
          <div><dt>Role</dt><dd>{who.role ?? "none"} <span class="quiet">over {who.way}</span></dd></div>
          <div><dt>May order</dt><dd>{who.may_order ? (who.scope.length ? `for ${who.scope.join(", ")}` : "for everything") : "no"}</dd></div>
          <div><dt>May reload, and compare configs</dt><dd>{who.may_govern ? "yes" : "no"}</dd></div>
        </dl>
      )}
      <form onSubmit={enter}>
        <label>Token
          <input type="password" value={text} onInput={(event) => setText(event.target.value)} autoComplete="off" required placeholder="wpt_…" />
        </label>
        <p class="quiet small-text"><code>waypost token new</code> makes one. It is kept for this tab alone.</p>
        {error && <p class="problem" role="alert">{error}</p>}
        <div class="buttons"><button type="submit" class="primary">Sign in</button>{signedIn() && <button type="button" onClick={leave}>Sign out</button>}</div>
      </form>
    </Dialog>
  );
}
