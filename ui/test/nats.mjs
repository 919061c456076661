// Looks at a cluster that hears each other over NATS on the page of one of its nodes, while the server dies.
//
//   node nats.mjs URL PICTURES
//
// `WORLD kill` on standard output asks for the death of the server, and waits for a line on standard input.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [, , url, pictures] = process.argv;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
page.setDefaultTimeout(60_000);
await page.goto(`${url}#/cluster`);
const row = (name) => page.getByRole("region", { name: "Nodes" }).getByRole("row").filter({ hasText: name });
for (const name of ["tor1", "sin1"]) {
  await row(name).filter({ hasText: "ago by NATS" }).waitFor();
}
await page.getByText(/^Connected to nats 127\.0\.0\.1:4222 for /).waitFor();
await page.screenshot({ path: `${pictures}/nats.png` });
console.log("WORLD kill");
await lines.next();
await page.getByRole("listitem").filter({ hasText: /^no NATS server is connected to, for .*: nats 127\.0\.0\.1:4222: / }).waitFor();
await page.screenshot({ path: `${pictures}/nats-dead.png` });
await browser.close();
console.log("DRIVEN");
process.exit();
