/**
 * One call that a test drives: a JSON object of settings as the argument, one JSON array a line to
 * standard input for each method to call, one JSON object a line from standard output for each
 * event. `wav` is spoken `speed` times as fast as it was recorded, in pieces that split samples.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { connect, file, follow } from "../../../clients/js/dist/index.js";

const EVENTS = [
  ...["state", "created", "partial", "final", "words", "speech_started", "speech_ended", "gap"],
  ...["dtmf", "keyword", "lag", "audio_ack", "warning", "resumed", "latency"],
];
const { url, settings = {}, wav, speed, reader } = JSON.parse(process.argv[2]);

function tell(event, value) {
  process.stdout.write(`${JSON.stringify({ event, value })}\n`);
}

function memory() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const failed = (failure) => failure && { code: failure.code, message: failure.message };
const bytes = wav && readFileSync(wav);
const data = bytes?.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

async function speak(call) {
  const header = 44;
  const rate = call.format.sample_rate * call.format.channels * 2;
  const began = performance.now();
  for (let at = header, size = 1; at < bytes.length; at += size) {
    size = 1 + ((at * 7919) % (rate / 5));
    await call.send(bytes.subarray(at, at + size));
    await sleep(began + (1000 * (at + size - header)) / rate / speed - performance.now());
  }
}

if (reader !== undefined) {
  const follower = follow(url, reader, settings);
  follower.on("state", (state) => tell("state", state));
  follower.on("message", (message) => tell(message.type, message));
  for await (const _ of follower);
  tell("over", { state: follower.state, failure: null, place: follower.place });
} else {
  const source = speed === undefined && data ? { source: file(data, { paced: false }) } : {};
  const call = connect(url, { ...settings, ...source });
  for (const event of EVENTS) call.on(event, (value) => tell(event, value));
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [method, ...values] = JSON.parse(line);
    if (method === "memory") tell("memory", memory());
    else if (method === "send") void call.send(new Uint8Array(values[0]));
    else void Promise.resolve(call[method](...values)).catch(() => undefined);
  });
  call.on("state", (state) => {
    if (state !== "finished" && state !== "failed") return;
    tell("over", { state, failure: failed(call.failure) });
    process.stdin.destroy();
  });
  if (speed !== undefined) await speak(call).then(() => call.finish(), () => undefined);
}
