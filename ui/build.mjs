// Makes the page: bundles src/, packs the map of the world, and writes dist/ with the hashes of what it was made of.
//
//   node build.mjs            writes dist/
//   node build.mjs --check    makes it beside, and fails if dist/ is not the same
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { world } from "./world.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");
const out = check ? mkdtempSync(join(tmpdir(), "waypost-ui-")) : join(root, "dist");
mkdirSync(out, { recursive: true });

const bundled = await build({
  absWorkingDir: root,
  entryPoints: { app: "src/main.jsx" },
  bundle: true,
  minify: true,
  write: false,
  outdir: out,
  target: ["es2022"],
  format: "iife",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
});
const made = new Map(bundled.outputFiles.map((file) => [relative(out, file.path), Buffer.from(file.contents)]));
made.set("index.html", readFileSync(join(root, "src/index.html")));
made.set("world.json", Buffer.from(JSON.stringify(world())));

const hash = (octets) => createHash("sha256").update(octets).digest("hex");
const listed = (folder) =>
  readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    return statSync(join(root, path)).isDirectory() ? listed(path) : [path];
  });
const sources = ["build.mjs", "world.mjs", "package.json", "package-lock.json", ...listed("src")].sort();
const lines = [
  ...sources.map((path) => `${hash(readFileSync(join(root, path)))}  ${path}`),
  // Of what is inside: how gzip packs it is the affair of its version.
  ...[...made].map(([name, octets]) => `${hash(octets)}  dist/${name}`).sort(),
];
const sums = Buffer.from(lines.join("\n") + "\n");

if (check) {
  const wrong = [...made].filter(([name, octets]) => {
    const kept = gunzipSync(readFileSync(join(root, "dist", `${name}.gz`)));
    return !kept.equals(octets);
  });
  const sumsDiffer = !readFileSync(join(root, "dist/SHA256SUMS")).equals(sums);
  if (wrong.length || sumsDiffer) {
    console.error(`dist/ is not what the sources make: ${[...wrong.map(([name]) => name), ...(sumsDiffer ? ["SHA256SUMS"] : [])].join(", ")}; run ui/build`);
    process.exit(1);
  }
  console.log("dist/ is what the sources make");
} else {
  let total = 0;
  for (const [name, octets] of made) {
    const packed = gzipSync(octets, { level: 9 });
    // The system that packed it is no part of it (RFC 1952, section 2.3).
    packed[9] = 255;
    total += packed.length;
    writeFileSync(join(out, `${name}.gz`), packed);
    console.log(`${name.padEnd(12)} ${String(octets.length).padStart(7)} -> ${packed.length}`);
  }
  writeFileSync(join(out, "SHA256SUMS"), sums);
  console.log(`in all ${total} octets`);
}
