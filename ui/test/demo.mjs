// Kills and heals the demo's machines from its page, as whoever tries it does.
//
//   node demo.mjs URL
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
page.setDefaultTimeout(60_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));
page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
await page.goto(`${process.argv[2]}#/endpoints`);
const row = page.locator(".endpoint-row").filter({ hasText: "fra-hetzner" });
await row.filter({ hasText: "healthy" }).waitFor();
await page.getByRole("button", { name: "fra-hetzner" }).click();
await page.getByRole("button", { name: "Kill" }).click();
await page.getByText("fra-hetzner is dead").waitFor();
await row.filter({ hasText: "down" }).waitFor();
await page.getByLabel("Which machines").selectOption("eu-frankfurt");
await page.getByRole("button", { name: "Kill" }).click();
await page.getByText("eu-frankfurt is dead").waitFor();
await page.locator(".endpoint-row").filter({ hasText: "fra-ovh" }).filter({ hasText: "down" }).waitFor();
await page.getByRole("button", { name: "Heal" }).click();
await row.filter({ hasText: /ramping|healthy/ }).waitFor();
await browser.close();
assert.deepEqual(complaints, [], "the browser complains of nothing");
console.log("DRIVEN");
