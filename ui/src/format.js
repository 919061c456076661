// Times, spans and parts as a person says them.
const pad = (number) => String(number).padStart(2, "0");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const percent = (permille) => `${Number((permille / 10).toFixed(1))} %`;

export const units = (thousandths) => (thousandths / 1000).toLocaleString("en", { maximumFractionDigits: 0 });

export const count = (number) => number.toLocaleString("en");

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function span(milliseconds) {
  const own = Math.max(0, milliseconds);
  if (own < MINUTE) return `${Math.floor(own / 1000)} s`;
  if (own < HOUR) return `${Math.floor(own / MINUTE)} min`;
  if (own < DAY) return `${Math.floor(own / HOUR)} h ${pad(Math.floor((own % HOUR) / MINUTE))} min`;
  return `${Math.floor(own / DAY)} d ${Math.floor((own % DAY) / HOUR)} h`;
}

export const moment = (text) => (text ? Date.parse(text) : null);

const dates = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

/** The time of day, with the date where it is not today's. */
export function clock(at, { seconds = false, now = Date.now() } = {}) {
  const own = new Date(at);
  const time = `${pad(own.getHours())}:${pad(own.getMinutes())}${seconds ? `:${pad(own.getSeconds())}` : ""}`;
  const today = new Date(now);
  const isToday = own.getDate() === today.getDate() && own.getMonth() === today.getMonth() && own.getFullYear() === today.getFullYear();
  return isToday ? time : `${dates.format(own)} ${time}`;
}

export const milliseconds = (microseconds) => (microseconds < 10_000 ? `${(microseconds / 1000).toFixed(1)} ms` : `${Math.round(microseconds / 1000)} ms`);

const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
export const countryName = (code) => (code ? names.of(code) : "unknown");

export const iso = (at) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");

export const listed = (names, most = 3) => (names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`);
