// Looks at a cluster of three on the page of one of its nodes, while another one dies.
//
//   node cluster.mjs URL PICTURES
//
// `WORLD kill` on standard output asks for the death of tor1, and waits for a line on standard input.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const [, , url, pictures] = process.argv;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
page.setDefaultTimeout(60_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));
page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
await page.goto(`${url}#/overview`);
await page.locator(".node.cluster").filter({ hasText: "fra1, together" }).waitFor();
await page.getByRole("link", { name: "Cluster", exact: true }).click();
const row = (name) => page.getByRole("region", { name: "Nodes" }).getByRole("row").filter({ hasText: name });
const matrix = page.getByRole("region", { name: "Who hears whom" });
await row("sin1").filter({ hasText: "heard" }).waitFor();
await row("tor1").filter({ hasText: "heard" }).waitFor();
const whom = (name) => matrix.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
for (const name of ["fra1", "sin1", "tor1"]) {
  await whom(name).filter({ hasText: /(●heard.*){2}/ }).waitFor();
}
await page.screenshot({ path: `${pictures}/cluster.png` });
console.log("WORLD kill");
await lines.next();
await row("tor1").filter({ hasText: /late|silent/ }).waitFor();
await whom("fra1").filter({ hasText: "not heard" }).waitFor();
await page.screenshot({ path: `${pictures}/cluster-one-dead.png` });
await page.evaluate(readFileSync(axe, "utf8"));
const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
assert.deepEqual(violations.map((own) => `${own.id}: ${own.nodes[0].html}`), []);
await browser.close();
assert.deepEqual(complaints, [], "the browser complains of nothing");
console.log("DRIVEN");
process.exit();
