// The map of the world: countries by the region that serves them, endpoints by their state.
import { geoEqualEarth, geoPath } from "d3-geo";
import { useEffect, useMemo, useState } from "preact/hooks";
import { feature } from "topojson-client";
import { ask } from "./api.js";
import { regionColor, theme } from "./colors.js";
import { countryName, iso, percent, plural } from "./format.js";
import { tone, worst } from "./state.js";

const WIDTH = 960;
const HEIGHT = 452;
const projection = geoEqualEarth().rotate([-11, 0]).fitExtent([[4, 4], [WIDTH - 4, HEIGHT + 34]], { type: "Sphere" });
const path = geoPath(projection).digits(1);
/** A part of a country's clients that is drawn. */
const SEEN_PERMILLE = 60;

let shapes = null;
async function world() {
  if (!shapes) {
    const topology = await (await fetch("/world.json")).json();
    shapes = feature(topology, topology.objects.countries).features.map((own) => ({ id: own.id, d: path(own) }));
  }
  return shapes;
}

/** The map for a question, asked again when a table is published; and the one of now beside it, to compare. */
export function useMap({ service, family, down, at, generation }) {
  const [found, set] = useState({ map: null, now: null, error: "" });
  const key = JSON.stringify([service, family, down, at]);
  useEffect(() => {
    if (!generation) return undefined;
    const abort = new AbortController();
    const question = { service, family };
    const supposes = down.length > 0 || at;
    const one = ask("map", { ...question, down, at: at ? iso(at) : undefined }, { signal: abort.signal });
    const two = supposes ? ask("map", question, { signal: abort.signal }) : one;
    Promise.all([one, two]).then(
      ([map, now]) => set({ map, now, error: "" }),
      (error) => error.name !== "AbortError" && set((before) => ({ ...before, error: error.message })),
    );
    return () => abort.abort();
  }, [key, generation]);
  return found;
}

const leading = (country) => country?.regions[0]?.region;

/** A fill for the parts of a country: one colour, or stripes. */
function fill(country, color) {
  const parts = country.regions.filter((part) => part.share_permille >= SEEN_PERMILLE);
  if (parts.length <= 1) return { id: "", fill: parts.length ? (parts[0].region ? color(parts[0].region) : "var(--nobody)") : "var(--land)" };
  const [one, two] = parts;
  const id = `mix-${[one, two].map((part) => (part.region ?? "none").replace(/[^a-z0-9-]/gi, "_")).join("--")}-${Math.round(two.share_permille / 100)}`;
  return { id, fill: `url(#${id})`, one, two };
}

export function WorldMap({ found, regions, byRegion, picked, onPick, compare, showsNow }) {
  const [lands, setLands] = useState(shapes ?? []);
  const [hover, setHover] = useState(null);
  useEffect(() => void world().then(setLands, () => {}), []);
  const map = showsNow ? found.now : found.map;
  const color = (name) => regionColor(regions, name);
  const countries = useMemo(() => new Map((map?.countries ?? []).map((own) => [own.country, own])), [map]);
  const before = useMemo(() => new Map((found.now?.countries ?? []).map((own) => [own.country, own])), [found.now]);
  const drawn = useMemo(() => new Set(lands.map((land) => land.id)), [lands]);
  const look = [lands, map, found.now, picked, compare, showsNow, regions.map((own) => own.name).join(), theme.isDark()];
  const fills = useMemo(() => new Map([...countries].map(([code, own]) => [code, fill(own, color)])), look);
  const mixes = new Map([...fills.values()].filter((own) => own.id).map((own) => [own.id, own]));
  const fillOf = (code) => fills.get(code)?.fill ?? "var(--land)";
  const moved = (code) => compare && !showsNow && leading(countries.get(code)) !== leading(before.get(code));
  const classes = (code) => ["land", countries.has(code) && "has", moved(code) && "moved", picked === code && "picked"].filter(Boolean).join(" ");
  const events = (code) => ({
    onClick: () => countries.has(code) && onPick(code),
    onPointerEnter: () => setHover(code),
    onPointerLeave: () => setHover((own) => (own === code ? null : own)),
  });
  const small = [...countries.values()].filter((own) => !drawn.has(own.country) && own.location);
  // What is picked or has moved is drawn last, so that its edge is whole.
  const ordered = [...lands].sort((one, two) => Number(moved(one.id)) + 2 * Number(picked === one.id) - Number(moved(two.id)) - 2 * Number(picked === two.id));
  const paths = useMemo(() => ordered.map((land) => <path key={land.id} class={classes(land.id)} d={land.d} style={{ fill: fillOf(land.id) }} data-country={land.id} data-region={leading(countries.get(land.id)) ?? ""} {...events(land.id)} />), look);
  const dots = useMemo(() => small.map((own) => {
    const [x, y] = projection([own.location.longitude_thousandths / 1000, own.location.latitude_thousandths / 1000]);
    return <circle key={own.country} class={`islet ${classes(own.country)}`} cx={x} cy={y} r="2.6" style={{ fill: fillOf(own.country) }} data-country={own.country} data-region={leading(own) ?? ""} {...events(own.country)} />;
  }), look);
  const shown = hover ? countries.get(hover) : null;
  return (
    <div class="map">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={summary(map)} preserveAspectRatio="xMidYMid meet">
        <defs>
          {[...mixes.values()].map(({ id, one, two }) => {
            const part = Math.max(1.2, (6 * two.share_permille) / (one.share_permille + two.share_permille));
            const paint = (share) => (share.region ? color(share.region) : "var(--nobody)");
            return (
              <pattern key={id} id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <rect width="6" height="6" style={{ fill: paint(one) }} />
                <rect width={part} height="6" style={{ fill: paint(two) }} />
              </pattern>
            );
          })}
        </defs>
        <g class="lands">{paths}</g>
        <g>{dots}</g>
        <g class="places">{regions.map((region) => <Place key={region.name} region={region} color={color(region.name)} endpoints={byRegion.get(region.name) ?? []} />)}</g>
      </svg>
      <p class="map-tip" aria-hidden="true">
        {shown ? (
          <>
            <b>{countryName(shown.country)}</b> {shown.regions.slice(0, 3).map((part) => `${part.region ?? "no address"} ${percent(part.share_permille)}`).join(" · ")}
          </>
        ) : found.error ? `No map: ${found.error}` : !map ? "Working out who serves whom …" : ""}
      </p>
    </div>
  );
}

function summary(map) {
  if (!map) return "Map of the world: which region serves which country";
  return `Map of the world for ${map.service}: ${map.regions.map((part) => `${part.region ?? "no address"} serves ${percent(part.share_permille)} of clients`).join(", ")}`;
}

/** A region: its endpoints as dots around it, or as one ring where they are many. */
function Place({ region, color, endpoints }) {
  const [x, y] = projection([region.longitude_thousandths / 1000, region.latitude_thousandths / 1000]);
  const tones = endpoints.map((own) => ({ name: own.name, ...worst(own) })).map((own) => ({ ...own, tone: tone(own.state) }));
  const bad = tones.filter((own) => own.tone !== "good").length;
  const title = `${region.name}: ${plural(endpoints.length, "endpoint")}${bad ? `, ${bad} not healthy` : ""}`;
  if (tones.length > 8) {
    const part = tones.length ? bad / tones.length : 0;
    const round = 2 * Math.PI * 7;
    return (
      <g class="place" transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
        <title>{title}</title>
        <text class="place-name" y="-16">{region.name}</text>
        <circle class="halo" r="12" />
        <circle class="core" r="4" style={{ fill: color }} />
        <circle class="ring good" r="7" />
        {bad > 0 && <circle class="ring bad" r="7" stroke-dasharray={`${part * round} ${round}`} transform="rotate(-90)" />}
      </g>
    );
  }
  const step = (2 * Math.PI) / Math.max(1, tones.length);
  return (
    <g class="place" transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
      <title>{title}</title>
      <circle class="halo" r="13" />
      <circle class="core" r="3.8" style={{ fill: color }} />
      <text class="place-name" y="-16">{region.name}</text>
      {tones.map((own, at) => {
        const angle = at * step - Math.PI / 2;
        return <circle key={own.name} class={`dot ${own.tone}`} cx={8.6 * Math.cos(angle)} cy={8.6 * Math.sin(angle)} r="3.4" data-endpoint={own.name} data-state={own.state} />;
      })}
    </g>
  );
}
