// What the page knows: the live state of the server, piece by piece, and the timeline.
import { useEffect, useState } from "preact/hooks";
import { ask, authorization, Problem } from "./api.js";
import { moment } from "./format.js";

/** No word for so long: the server is taken for gone. It says something every five seconds. */
const SILENCE_MS = 12_000;
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];
const EVENTS_KEPT = 20_000;

let items = new Map();
let last = "";
let version = 0;
const listeners = new Set();

/** How the link to the server is: `connecting`, `live`, `gone` or `refused`, and since when. */
export const link = { state: "connecting", since: Date.now(), heard: 0, reason: "" };
export const history = { events: [], minutes: [], begins: null, missed: 0, loaded: false };
/** The browser's clock less the server's. */
let skew = 0;
export const now = () => Date.now() - skew;

let scheduled = false;
function changed() {
  version += 1;
  if (scheduled) return;
  scheduled = true;
  const tell = () => {
    scheduled = false;
    listeners.forEach((listener) => listener(version));
  };
  // A tab that is hidden draws nothing, and is told all the same now and then.
  if (document.hidden) setTimeout(tell, 1000);
  else requestAnimationFrame(tell);
}

/** Draws anew whenever something has changed. */
export function useStore() {
  const [, set] = useState(0);
  useEffect(() => {
    listeners.add(set);
    set(version);
    return () => listeners.delete(set);
  }, []);
  return derived();
}

/** Draws anew every second, for ages. */
export function useTick(every = 1000) {
  const [, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((own) => own + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return now();
}

function grouped(endpoints) {
  const found = new Map();
  for (const own of endpoints) {
    if (!found.has(own.region)) found.set(own.region, []);
    found.get(own.region).push(own);
  }
  return found;
}

let cached = { version: -1 };
function derived() {
  if (cached.version === version) return cached;
  const lists = { h: [], r: [], e: [], s: [], z: [] };
  items.forEach((piece, key) => lists[key[0]].push(piece));
  const byPlace = (one, two) => one.place - two.place;
  cached = {
    version,
    head: lists.h[0] ?? null,
    regions: lists.r.sort(byPlace),
    endpoints: lists.e.sort(byPlace),
    byRegion: grouped(lists.e),
    services: lists.s,
    zones: lists.z,
  };
  return cached;
}

const handlers = {
  whole(data) {
    items = new Map(Object.entries(data));
  },
  patch({ set, gone }) {
    Object.entries(set).forEach(([key, piece]) => items.set(key, piece));
    gone.forEach((key) => items.delete(key));
  },
  told(events) {
    addEvents(events);
  },
};

function addEvents(events) {
  const known = history.events.at(-1)?.number ?? 0;
  const news = events.filter((event) => event.number > known).map((event) => ({ ...event, at: moment(event.told_at) }));
  if (news.length) history.events = [...history.events, ...news].slice(-EVENTS_KEPT);
}

function heard(block) {
  let [kind, data] = ["", ""];
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) last = line.slice(4);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (handlers[kind] && data) {
    handlers[kind](JSON.parse(data));
    changed();
  }
}

function setLink(state, reason = "") {
  if (link.state !== state || link.reason !== reason) {
    if (link.state !== state) link.since = state === "gone" && link.heard ? link.heard : Date.now();
    Object.assign(link, { state, reason });
    changed();
  }
}

let abort = new AbortController();

async function listen() {
  abort = new AbortController();
  let watchdog;
  const alive = () => {
    link.heard = Date.now();
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  };
  alive();
  try {
    const headers = { ...authorization(), Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
    const response = await fetch("/api/v1/events", { headers, signal: abort.signal, cache: "no-store" });
    if (!response.ok) {
      const body = await response.json().catch(() => ({}));
      throw new Problem(response.status, body.detail ?? response.statusText);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let first = true;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      text += value;
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        heard(text.slice(0, end));
        text = text.slice(end + 2);
      }
      if (first) {
        first = false;
        setLink("live");
        loadHistory();
      }
    }
  } finally {
    clearTimeout(watchdog);
  }
}

/** Listens for ever; a server that is gone is asked again. */
export async function connect() {
  setInterval(() => link.state === "live" && loadHistory(), 60_000);
  for (let tries = 0; ; ) {
    const began = Date.now();
    try {
      await listen();
      tries = 0;
    } catch (error) {
      const refused = error instanceof Problem && error.status >= 400 && error.status < 500;
      if (Date.now() - began > 20_000) tries = 0;
      // A connection that is cut once is taken up again before anything is said.
      if (refused) setLink("refused", error.message);
      else if (tries > 0 || link.state === "connecting") setLink("gone", error.message);
    }
    await new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
    });
    tries += 1;
  }
}
let wake = () => {};

/** Asks again at once, as whoever is signed in now. */
export function reconnect() {
  last = "";
  history.loaded = false;
  abort.abort();
  wake();
}

async function loadHistory() {
  const from = history.loaded && history.minutes.length ? { from: history.minutes.at(-1).ended_at } : {};
  try {
    const found = await ask("history", from);
    skew = Date.now() - moment(found.told_at);
    if (!history.loaded) Object.assign(history, { events: [], minutes: [] });
    addEvents(found.events);
    const lastMinute = history.minutes.at(-1)?.ended_at ?? "";
    history.minutes = [...history.minutes, ...found.minutes.filter((minute) => minute.ended_at > lastMinute)].slice(-1600);
    Object.assign(history, { begins: moment(found.begins_at), missed: found.missed, loaded: true });
    changed();
  } catch {
    // The link says what is wrong.
  }
}
