// Why one client gets what it gets.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "./api.js";
import { regionColor } from "./colors.js";
import { countryName, percent } from "./format.js";
import { tone } from "./state.js";
import { Pill, Swatch } from "./parts.jsx";

const REASONS = {
  preferred: "its first choice, and healthy",
  backup: "the backup tier, because the tier above cannot serve",
  failover: "the next region, because those before cannot serve",
  overflow: "what is left, because shares were not enough",
  full: "sent past what is full",
  overloaded: "everything is full",
  fail_open: "nothing is healthy: answered all the same",
  "fail-open": "nothing is healthy: answered all the same",
  all_down: "nothing is healthy, and nothing is answered",
  "all-down": "nothing is healthy, and nothing is answered",
};

export function useExplanation({ name, client, type, down, generation }) {
  const [found, set] = useState({ explanation: null, error: "" });
  const key = JSON.stringify([name, client, type, down]);
  useEffect(() => {
    if (!name || !client) return undefined;
    const abort = new AbortController();
    ask("explain", { name, client, type, down }, { signal: abort.signal }).then(
      (explanation) => set({ explanation, error: "" }),
      (error) => error.name !== "AbortError" && set({ explanation: null, error: error.message }),
    );
    return () => abort.abort();
  }, [key, generation]);
  return found;
}

export function Explanation({ found, regions }) {
  if (found.error) return <p class="problem" role="alert">{found.error}</p>;
  const own = found.explanation;
  if (!own) return <p class="quiet">Asking …</p>;
  const chain = own.chain;
  if (chain.kind === "static") {
    return <p>{own.name} is data of a zone file, the same for every client: {chain.finding}{chain.target ? `, an alias of ${chain.target}` : ""}.</p>;
  }
  const place = [chain.place.country && countryName(chain.place.country), chain.place.asn && `AS${chain.place.asn}`].filter(Boolean).join(", ");
  return (
    <div class="explanation">
      <p class="answer">
        {chain.region ? <><Swatch color={regionColor(regions, chain.region)} /><b>{chain.region}</b></> : <b>No address</b>}
        <span> {REASONS[chain.reason] ?? chain.reason}</span>
      </p>
      <dl class="facts">
        <div><dt>Client</dt><dd><code>{own.client}</code> {place && <span class="quiet">{place}</span>}</dd></div>
        <div><dt>Asks for</dt><dd>{own.name} <span class="quiet">service {chain.service}, {chain.residency}</span></dd></div>
        <div><dt>Answer</dt><dd>{chain.addresses.length ? chain.addresses.map((one) => <code key={one}>{one} </code>) : "nothing"} <span class="quiet">{chain.endpoints.join(", ")} · TTL {chain.ttl.ttl_s} s</span></dd></div>
        <div><dt>Prefers</dt><dd class="quiet">{chain.preference.join(" → ")}</dd></div>
        {chain.fence && <div><dt>Fence</dt><dd class="quiet">{Array.isArray(chain.fence) ? chain.fence.join(", ") : String(chain.fence)}</dd></div>}
        {own.supposed.length > 0 && <div><dt>Supposed</dt><dd class="quiet">{own.supposed.join(", ")} down</dd></div>}
      </dl>
      <ol class="consulted">
        {chain.consulted.map((step) => (
          <li key={step.region}>
            <p><Swatch color={regionColor(regions, step.region)} />{step.region} <span class="quiet">{step.role}, takes {percent(step.takes_permille)}</span></p>
            <ul>
              {step.endpoints.slice(0, 8).map((endpoint) => (
                <li key={endpoint.endpoint}><Pill tone={tone(endpoint.why.state)}>{endpoint.why.state}</Pill> {endpoint.endpoint} <span class="quiet">tier {endpoint.tier}, {percent(endpoint.share_permille)}</span></li>
              ))}
              {step.endpoints.length > 8 && <li class="quiet">and {step.endpoints.length - 8} more</li>}
            </ul>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** What may be supposed down: regions, providers, endpoints; another list only once there are others. */
export function useDownChoices({ regions, endpoints, head }) {
  return useMemo(() => {
    const providers = [...new Set(endpoints.map((own) => own.provider))].sort();
    return { Regions: regions.map((own) => own.name), Providers: providers, Endpoints: endpoints.slice(0, 500).map((own) => own.name) };
  }, [head.plan, regions.length, endpoints.length]);
}

export function DownPicker({ choices, down, onChange, id }) {
  const options = useMemo(() => Object.entries(choices).map(([group, names]) => (
    <optgroup key={group} label={group}>{names.map((name) => <option key={name} value={name}>{name}</option>)}</optgroup>
  )), [choices]);
  return (
    <div class="picker">
      <label for={id}>What if … is down</label>
      <select id={id} value="" onChange={(event) => event.target.value && onChange([...new Set([...down, event.target.value])])}>
        <option value="">nothing{down.length ? " more" : ""}</option>
        {options}
      </select>
      {down.map((name) => (
        <button key={name} type="button" class="chip" onClick={() => onChange(down.filter((own) => own !== name))} aria-label={`${name} is up again`}>
          {name} down <span aria-hidden="true">×</span>
        </button>
      ))}
    </div>
  );
}
