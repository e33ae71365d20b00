// Opens a page in a browser whose microphone is a recording, presses its button, and prints what it
// shows: {"text", "errors"}.
//
//   node printed_page.mjs --page FILE --audio FILE.wav --seconds N [--stop]
//
// A page ending in .jsx is a React component, the default export. The browser is $CHROMIUM.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));

const { values: given } = parseArgs({
  options: {
    page: { type: "string" },
    audio: { type: "string" },
    seconds: { type: "string" },
    stop: { type: "boolean", default: false },
  },
});

async function html(path) {
  const source = await readFile(path, "utf8");
  if (!path.endsWith(".jsx")) return source;
  const contents = `import Component from ${JSON.stringify(path)};
    import React from "react";
    import { createRoot } from "react-dom/client";
    createRoot(document.getElementById("root")).render(<Component />);`;
  const bundle = await build({
    stdin: { contents, loader: "jsx", resolveDir: HERE },
    nodePaths: [`${HERE}/node_modules`],
    bundle: true,
    write: false,
  });
  return `<!DOCTYPE html><div id="root"></div><script>${bundle.outputFiles[0].text}</script>`;
}

const body = await html(given.page);
const server = createServer((_, response) => {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(body);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${given.audio}%noloop`,
  ],
});
const page = await browser.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const button = page.locator("button");
const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
await wait(1); // the page opens its socket as it loads, and a person needs that long
await button.click();
await wait(Number(given.seconds));
if (given.stop) {
  await button.click();
  await wait(5);
}
console.log(JSON.stringify({ text: await page.locator("div").last().innerText(), errors }));
await browser.close();
server.close();
