// Reads every mermaid block of the book's pages with mermaid's own parser; fails with page and line.
//
//     node infra/book/diagrams.mjs MODULES PAGES
//
// MODULES is a folder `node_modules` that has mermaid, PAGES the folder of the pages.

import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, pages] = process.argv.slice(2).map((path) => resolve(path));
const load = async (path) => (await import(pathToFileURL(join(modules, path)))).default;

// It cleans labels of HTML before it shows them, for which it wants a browser. Nothing is shown here.
const purify = await load("dompurify/dist/purify.es.mjs");
purify.sanitize ??= (text) => text;
purify.addHook ??= () => {};
const mermaid = await load("mermaid/dist/mermaid.core.mjs");

// What is wrong with a diagram, or nothing.
const fault = (text) => mermaid.parse(text).then(() => undefined, (error) => error.message);

if ((await fault("flowchart LR\n  A --> B")) || !(await fault("flowchart LR\n  A --> --> B"))) {
  console.error("infra/book/diagrams.mjs: mermaid does not tell a good diagram from a bad one");
  process.exit(1);
}

let read = 0;
for (const name of readdirSync(pages, { recursive: true }).filter((name) => name.endsWith(".md"))) {
  const page = readFileSync(join(pages, name), "utf8");
  for (const block of page.matchAll(/^ *```mermaid\n(.*?)^ *```$/gms)) {
    read += 1;
    const wrong = await fault(block[1]);
    if (!wrong) continue;
    const line = page.slice(0, block.index).split("\n").length;
    console.error(`${name}:${line}: mermaid cannot read the diagram: ${wrong}`);
    process.exitCode = 1;
  }
}
console.log(`${read} diagrams read`);
if (read === 0) process.exitCode = 1;
