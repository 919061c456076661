// Shows the page 5,000 endpoints and 200 services, hundreds of which change every second, and says what that costs.
//
//   node scale.mjs
//
// A stand-in plays the server: it serves dist/ and tells of endpoints that nobody probes. Rows that are drawn, and memory, are
// held to their bounds; how long an update takes is said, and held to 200 ms where STRICT is set (a machine that is busy is slower).
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ENDPOINTS = 5000;
const SERVICES = 200;
const CHANGES = 300;
const ROWS_MOST = 120;
const BYTES_MOST = 100 * 1024 * 1024;
const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const FILES = { "/": ["index.html", "text/html"], "/app.js": ["app.js", "text/javascript"], "/app.css": ["app.css", "text/css"], "/world.json": ["world.json", "application/json"] };
const now = () => new Date().toISOString().replace(/\.\d+Z/, "Z");
const regions = Array.from({ length: 20 }, (_, at) => ({ name: `region-${at}`, jurisdiction: null, capacity: null, load_thousandths: null, latitude_thousandths: ((at * 37) % 120) * 1000 - 50_000, longitude_thousandths: ((at * 67) % 340) * 1000 - 170_000, place: at }));
const endpoint = (at, state = "healthy") => ({
  name: `endpoint-${at}`, region: `region-${at % 20}`, provider: `provider-${at % 7}`, tier: 1, weight: 100, disabled: false, capacity: 100, load_thousandths: 40_000, addresses: [`192.0.2.${at % 250}`, `2001:db8::${at.toString(16)}`], orders: [], place: at,
  targets: ["v4", "v6"].map((family) => ({ family, monitors: ["web"], watch: "web", services: [`service-${at % SERVICES}`], state: family === "v4" ? state : "healthy", detail: state === "down" ? "connection refused" : "", share_permille: state === "down" && family === "v4" ? 0 : 1000, next_step_at: null, since_at: now(), unwatched: false, without: [], wants_approval: false,
    slots: [{ monitor: "web", address: `192.0.2.${at % 250}:443`, state: state === "down" ? "down" : "up", cause: null, unwatched: false, certificate_expires_at: null }] })),
});
const head = { node: "scale", version: "0", plan: "0", policy: "0123456789abcdef", generation: 1, built_at: now(), started_at: now(), doubting: false, doubt: "", capped: false, unwatched: [], refused: null, limited: [], geo: { source: "embedded", built_at: now(), networks: 1 }, certificate: null, canaries: [] };
const whole = { h: head };
regions.forEach((own) => (whole[`r/${own.name}`] = own));
for (let at = 0; at < ENDPOINTS; at += 1) whole[`e/endpoint-${at}`] = endpoint(at);
for (let at = 0; at < SERVICES; at += 1) whole[`s/service-${at}`] = { name: `service-${at}`, hostnames: [`${at}.example.org`], residency: "any", fail_open: false, fail_open_regions: [], all_down: false, all_down_regions: [], when_all_down: "fail-open", demand_thousandths: 0, overloaded_thousandths: 0, overload: "spread", pools: regions.map((own) => ({ region: own.name, family: "v4", share_permille: 1000, tier: 1, serving: [`endpoint-${at}`] })) };

const listeners = new Set();
let number = 0;
const answers = {
  "/api/v1/history": () => ({ begins_at: now(), told_at: now(), missed: 0, events: [], minutes: [] }),
  "/api/v1/whoami": () => ({ identity: "anybody", role: "viewer", way: "http", scope: [], may_order: false, may_govern: false }),
  "/api/v1/map": () => ({ service: "service-0", family: "v4", generation: 1, shown_at: null, supposed: [], regions: [], countries: [] }),
};
const server = createServer((request, response) => {
  const path = request.url.split("?")[0];
  const file = FILES[path];
  if (file) return response.writeHead(200, { "content-type": file[1], "content-encoding": "gzip" }).end(readFileSync(join(dist, `${file[0]}.gz`)));
  if (path === "/api/v1/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: 1-0\nevent: whole\ndata: ${JSON.stringify(whole)}\n\n`);
    listeners.add(response);
    return response.on("close", () => listeners.delete(response));
  }
  const answer = answers[path];
  return response.writeHead(answer ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(answer ? answer() : { detail: "none" }));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

function change() {
  const set = {};
  for (let times = 0; times < CHANGES; times += 1) {
    const at = (number * 7919 + times * 13) % ENDPOINTS;
    set[`e/endpoint-${at}`] = endpoint(at, (number + times) % 2 ? "down" : "healthy");
  }
  number += 1;
  set.h = { ...head, generation: number };
  listeners.forEach((own) => own.write(`id: 1-${number}\nevent: patch\ndata: ${JSON.stringify({ set, gone: [] })}\n\n`));
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
await page.addInitScript(() => {
  window.long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.long.push(entry.duration))).observe({ type: "longtask", buffered: true });
});
await page.goto(`http://127.0.0.1:${server.address().port}/#/endpoints`);
await page.getByText("5,000 endpoints", { exact: true }).waitFor();
const session = await page.context().newCDPSession(page);
for (const view of ["endpoints", "overview", "services", "monitors"]) {
  await page.evaluate((own) => (location.hash = `#/${own}`), view);
  await page.waitForTimeout(1500);
  await page.evaluate(() => (window.long = []));
  for (let times = 0; times < 10; times += 1) {
    change();
    await page.waitForTimeout(1000);
  }
  const long = await page.evaluate(() => window.long);
  const rows = await page.locator(".row").count();
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const longest = Math.round(Math.max(0, ...long));
  console.log(`${view}: longest task ${longest} ms, ${rows} rows drawn, ${Math.round(usedSize / 1024 / 1024)} MiB of heap`);
  assert.ok(rows <= ROWS_MOST, `${rows} rows`);
  assert.ok(usedSize <= BYTES_MOST, `${usedSize} octets`);
  if (process.env.STRICT) assert.ok(longest <= 200, `${longest} ms`);
}
await browser.close();
server.close();
server.closeAllConnections();
console.log("MEASURED");
