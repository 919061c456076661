// The last day: where clients are sent and what is answered, minute by minute; what happened, and a moment to look at.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { regionColor, theme } from "./colors.js";
import { clock, count, moment, percent } from "./format.js";
import { Card, Segments } from "./parts.jsx";
import { history, now as serverNow } from "./store.js";

const SPANS = [[3600e3, "1 h"], [6 * 3600e3, "6 h"], [24 * 3600e3, "24 h"]];
/** Minutes without a summary after which nothing is drawn: no server ran. */
const GAP_MS = 150_000;
/** What is picked nearer than this is now. */
const NOW_MS = 3000;
const GUTTER = 48;

/** Series on top of each other, with gaps where nothing is known. */
function stacked(minutes, names, value, live) {
  const times = [];
  const rows = names.map(() => []);
  const values = names.map(() => []);
  const add = (at, of) => {
    times.push(at / 1000);
    let sum = 0;
    names.forEach((name, place) => {
      const own = of ? of(name) : null;
      values[place].push(own);
      rows[place].push(own === null ? null : (sum += own));
    });
  };
  let before = null;
  for (const minute of minutes) {
    const at = moment(minute.ended_at);
    if (before && at - before > GAP_MS) add(before + 1000, null);
    add(at, (name) => value(minute, name));
    before = at;
  }
  if (live && before) add(live, (name) => value(minutes.at(-1), name));
  return { times, rows, values };
}

export function Timeline({ regions, at, onPick, version }) {
  const [kind, setKind] = useState("clients");
  const [chosen, setWidth] = useState(0);
  const box = useRef();
  const plot = useRef(null);
  const [size, setSize] = useState(0);
  // As far back as is known, unless somebody has chosen.
  const past = serverNow() - (history.begins ?? serverNow());
  const width = chosen || (SPANS.find(([own]) => past <= own) ?? SPANS[2])[0];
  const end = Math.floor(serverNow() / 30_000) * 30_000 + 30_000;
  const start = end - width;
  const minutes = history.minutes;
  const lastMinute = minutes.at(-1)?.ended_at;
  const names = regions.map((region) => region.name);
  const data = useMemo(() => {
    const value = kind === "clients" ? (minute, name) => minute.clients[name] ?? 0 : (minute, name) => (minute.answers[name] ?? 0) / 60;
    return stacked(minutes, names, value, 0);
  }, [kind, lastMinute, names.join()]);
  const dark = theme.isDark();
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setSize(Math.floor(entry.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!size) return undefined;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--quiet-plain").trim() || (dark ? "#9aa7b8" : "#5a6675");
    const line = dark ? "#2a333f" : "#e3e7ec";
    const own = new uPlot({
      width: size,
      height: size < 500 ? 150 : 200,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: true, range: [start / 1000, end / 1000] }, y: { range: (_, __, most) => [0, kind === "clients" ? 1000 : Math.max(1, most * 1.05)] } },
      axes: [
        { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, size: 4 }, font: "11px system-ui, sans-serif", values: (_, ticks) => ticks.map((tick) => clock(tick * 1000, { now: tick * 1000 })), space: 70, size: 28 },
        { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: GUTTER, font: "11px system-ui, sans-serif", values: (_, ticks) => ticks.map((tick) => (kind === "clients" ? `${tick / 10} %` : tick >= 1000 ? `${tick / 1000}k` : tick)) },
      ],
      series: [{}, ...names.map((name) => ({ label: name, stroke: regionColor(regions, name), width: 1, fill: regionColor(regions, name) + (dark ? "b0" : "c8"), points: { show: false } })).reverse()],
      bands: names.slice(1).map((_, place) => ({ series: [place + 1, place + 2] })),
    }, [data.times, ...[...data.rows].reverse()], box.current);
    plot.current = own;
    const over = own.over;
    over.addEventListener("click", (event) => {
      const picked = own.posToVal(event.clientX - over.getBoundingClientRect().left, "x") * 1000;
      pick(picked);
    });
    return () => own.destroy();
  }, [size, data, dark, width, end, kind]);
  const pick = (value) => onPick(value >= serverNow() - NOW_MS ? null : Math.round(value / 1000) * 1000);
  const known = history.begins ?? end;
  const inside = size ? size - GUTTER - 8 : 1;
  const x = (value) => GUTTER + ((value - start) / (end - start)) * inside;
  const lane = useMemo(() => lanesOf(history.events, start, x).map((own) => <g key={own.key} class={own.level} transform={`translate(${own.x.toFixed(1)} 0)`}><title>{own.title}</title><line y1="0" y2="14" /><circle cy="14" r={own.many ? 4.5 : 3.2} /></g>), [history.events, start, end, inside]);
  const atMinute = at && minutes.findLast((minute) => moment(minute.ended_at) <= at + 60_000 && moment(minute.ended_at) >= at - GAP_MS);
  return (
    <Card title="Timeline" id="timeline-title" class="timeline" tools={
      <div class="tools">
        <Segments label="What is drawn" value={kind} choices={[["clients", "Clients"], ["answers", "Answers / s"]]} onChange={setKind} />
        <Segments label="How far back" value={width} choices={SPANS} onChange={setWidth} />
      </div>
    }>
      <div class="plot-box">
        <div class="plot" ref={box} aria-hidden="true" />
        {minutes.length === 0 && <p class="plot-empty">The first minute is still to come.</p>}
        <svg class="lane" height="22" width={size || 1} aria-hidden="true">
          {lane}
        </svg>
        {at && at >= start && <div class="needle" style={{ left: `${x(at)}px` }} aria-hidden="true"><span>{clock(at, { seconds: true })}</span></div>}
        <div class="scrub" style={{ paddingLeft: `${GUTTER - 8}px` }}>
          <label class="hidden" for="moment">The moment that is shown</label>
          <input id="moment" type="range" min={Math.max(start, Math.min(known, end - 60_000))} max={end} step={width > SPANS[0][0] ? 10_000 : 1000} value={at ?? end} onInput={(event) => pick(Number(event.target.value))}
            aria-valuetext={at ? clock(at, { seconds: true }) : "now"} style={{ marginLeft: `${Math.max(0, x(Math.max(start, Math.min(known, end - 60_000))) - GUTTER)}px` }} />
        </div>
      </div>
      <p class="moment-line">
        {at ? (
          <>
            <b>{clock(at, { seconds: true })}</b>
            {atMinute ? <span class="quiet"> generation {atMinute.generation}, {Object.entries(atMinute.states).map(([state, number]) => `${number} ${state}`).join(", ")}{kind === "answers" ? `, ${count(Math.round(Object.values(atMinute.answers).reduce((one, two) => one + two, 0) / 60))} answers/s` : `: ${Object.entries(atMinute.clients).map(([name, share]) => `${name || "no address"} ${percent(share)}`).join(", ")}`}</span> : <span class="quiet"> no server told anything of this minute</span>}
            <button type="button" class="small" onClick={() => onPick(null)}>Back to now</button>
          </>
        ) : (
          <span class="quiet">Click, or move the slider: the map shows that moment.{history.missed ? ` ${count(history.missed)} things came too fast to be remembered.` : ""}</span>
        )}
      </p>
    </Card>
  );
}

const LEVELS = ["bad", "warning", "note", "good"];
/** Events that a mark names. */
const NAMED = 12;

/** Events from a moment on as marks; those that would lie on each other are one. */
function lanesOf(events, start, x) {
  const marks = new Map();
  // The last come first, and are what a mark names.
  for (let at = events.length - 1; at >= 0 && events[at].at >= start; at -= 1) {
    const event = events[at];
    const place = Math.round(x(event.at) / 6);
    let own = marks.get(place);
    if (!own) marks.set(place, (own = { key: place, x: place * 6, level: "good", last: [], number: 0 }));
    if (LEVELS.indexOf(event.level) < LEVELS.indexOf(own.level)) own.level = event.level;
    own.number += 1;
    if (own.last.length < NAMED) own.last.unshift(event);
  }
  return [...marks.values()].map((own) => ({ ...own, many: own.number > 3, title: own.last.map((event) => `${clock(event.at, { seconds: true })} ${event.text}`).join("\n") }));
}

/** Latencies of one endpoint's probes as a small line. */
export function Sparkline({ points, width = 220, height = 40 }) {
  const box = useRef();
  useEffect(() => {
    if (points.length < 2) return undefined;
    const own = new uPlot({
      width, height, padding: [4, 2, 4, 2], legend: { show: false }, cursor: { show: false }, axes: [{ show: false }, { show: false }],
      scales: { y: { range: (_, least, most) => [0, Math.max(1, most * 1.1)] } },
      series: [{}, { stroke: theme.isDark() ? "#76c4e8" : "#3b76c9", width: 1.5, fill: theme.isDark() ? "#76c4e830" : "#3b76c922", points: { show: false } }],
    }, [points.map((one) => moment(one.sampled_at) / 1000), points.map((one) => one.took_us / 1000)], box.current);
    return () => own.destroy();
  }, [points, width]);
  return <div class="sparkline" ref={box} role="img" aria-label={points.length < 2 ? "Latency: not enough samples yet" : `Latency of probes over ${points.length} samples`} />;
}
