// Deepgram's SDK for JavaScript: interim results, Finalize, CloseStream.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DeepgramClient } from "@deepgram/sdk";

const PIECE = 0.05; // seconds of audio in a message

const { values } = parseArgs({ options: { url: { type: "string" }, audio: { type: "string" } } });
const require = createRequire(import.meta.url);
const sdk = JSON.parse(
  readFileSync(require.resolve("@deepgram/sdk").replace(/dist\/.*/, "package.json")),
);
const report = {
  client: "@deepgram/sdk (JavaScript)", version: sdk.version,
  interims: [], finals: [], flushed: false, closed: "", errors: [], began: 0,
};
const now = () => Math.round(performance.now() - report.began) / 1000;
const sleep = (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms)));

// A WAV file: find the format and the samples.
const file = readFileSync(values.audio);
let at = 12, rate = 0, samples = null;
while (at < file.length && samples === null) {
  const name = file.toString("ascii", at, at + 4), size = file.readUInt32LE(at + 4);
  if (name === "fmt ") rate = file.readUInt32LE(at + 12);
  if (name === "data") samples = file.subarray(at + 8, at + 8 + size);
  at += 8 + size + (size % 2);
}

const here = values.url, http = here.replace("ws", "http");
const client = new DeepgramClient({
  apiKey: "a-key",
  environment: { base: http, production: here, agent: here, agentRest: http },
});
const connection = await client.listen.v1.connect({
  model: "nova-3", language: "en", encoding: "linear16", sample_rate: rate, channels: 1,
  interim_results: "true", punctuate: "true", endpointing: 500, keyterm: ["Dashwood"],
  vad_events: "true", utterance_end_ms: 1000, reconnectAttempts: 0,
});
let flushed, told = false;
const answered = new Promise((done) => { flushed = done; });
const closed = new Promise((done) => {
  connection.on("close", (event) => { report.closed = `${event.code}, metadata: ${told}`; done(); });
});
connection.on("error", (error) => report.errors.push(String(error)));
connection.on("message", (message) => {
  if (message.type === "Metadata") told = true;
  if (message.type !== "Results") return;
  const { transcript: text, words } = message.channel.alternatives[0];
  if (!message.is_final) report.interims.push(now());
  else if (text) report.finals.push({ text, at: now(), end: words.at(-1).end });
  if (message.from_finalize) { report.flushed = true; flushed(); }
});
connection.connect();
await connection.waitForOpen();

report.began = performance.now();
const step = Math.round(PIECE * rate) * 2;
for (let begin = 0, number = 1; begin < samples.length; begin += step, number += 1) {
  await sleep(report.began + number * PIECE * 1000 - performance.now());
  connection.sendMedia(samples.subarray(begin, begin + step));
}
connection.sendFinalize({ type: "Finalize" });
await Promise.race([answered, sleep(20_000)]);
connection.sendKeepAlive({ type: "KeepAlive" });
connection.sendCloseStream({ type: "CloseStream" });
await Promise.race([closed, sleep(20_000)]);
console.log(JSON.stringify(report));
process.exit(0);
