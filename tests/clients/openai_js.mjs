// OpenAI's SDK for JavaScript: turns that the server detects, then one that the client commits.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { VERSION } from "openai/version";

const PIECE = 0.05; // seconds of audio in a message
const RATE = 24_000;
const COMMITTED = 3; // seconds of audio that the client commits

const { values } = parseArgs({ options: { url: { type: "string" }, audio: { type: "string" } } });
const report = {
  client: "openai (JavaScript)", version: VERSION,
  interims: [], finals: [], flushed: false, closed: "", errors: [], began: 0,
};
const now = () => Math.round(performance.now() - report.began) / 1000;
const sleep = (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms)));
const signal = () => {
  let tell;
  const told = new Promise((done) => { tell = done; });
  return { tell, within: (seconds) => Promise.race([told, sleep(seconds * 1000)]) };
};

// A WAV file: find the format and the samples.
const file = readFileSync(values.audio);
let at = 12, rate = 0, data = null;
while (at < file.length && data === null) {
  const name = file.toString("ascii", at, at + 4), size = file.readUInt32LE(at + 4);
  if (name === "fmt ") rate = file.readUInt32LE(at + 12);
  if (name === "data") data = file.subarray(at + 8, at + 8 + size);
  at += 8 + size + (size % 2);
}
// The service knows one rate only: interpolate.
const length = Math.floor((data.length / 2 - 1) * RATE / rate);
const samples = Buffer.alloc(length * 2);
for (let to = 0; to < length; to += 1) {
  const from = to * rate / RATE, before = Math.floor(from), part = from - before;
  const value = data.readInt16LE(before * 2) * (1 - part) + data.readInt16LE(before * 2 + 2) * part;
  samples.writeInt16LE(Math.round(value), to * 2);
}

const client = new OpenAI({ apiKey: "a-key", baseURL: values.url.replace("ws", "http") + "/v1" });
const options = { rejectUnauthorized: false }; // the certificate is made for the occasion
const realtime = new OpenAIRealtimeWS({ intent: "transcription", options }, client);
const starts = {}, ends = {}, deltas = {};
const [ready, committed, closed] = [signal(), signal(), signal()];
let open = 0, turns = true;
const check = (what, seconds, wanted) => {
  if (Math.abs(seconds - wanted) > 0.01) report.errors.push(`${what}: ${seconds}, not ${wanted}`);
};
realtime.on("error", (error) => report.errors.push(String(error)));
realtime.on("session.updated", ready.tell);
realtime.on("input_audio_buffer.speech_started", (event) => {
  open += 1;
  starts[event.item_id] = event.audio_start_ms;
});
realtime.on("input_audio_buffer.speech_stopped", (event) => {
  ends[event.item_id] = event.audio_end_ms;
});
realtime.on("conversation.item.input_audio_transcription.delta", (event) => {
  report.interims.push(now());
  deltas[event.item_id] = (deltas[event.item_id] ?? "") + event.delta;
});
realtime.on("conversation.item.input_audio_transcription.completed", (event) => {
  const { item_id: item, transcript: text, usage } = event;
  if (!turns) {
    check("committed seconds", usage.seconds, COMMITTED);
    report.flushed = text !== "";
    committed.tell();
    return;
  }
  open -= 1;
  check("seconds of a turn", usage.seconds, (ends[item] - starts[item]) / 1000);
  if (text && !deltas[item]) report.errors.push(`no delta before: ${text}`);
  report.finals.push({ text, at: now(), end: ends[item] / 1000 });
});
realtime.socket.on("close", (code) => { report.closed = String(code); closed.tell(); });
await new Promise((done) => realtime.socket.on("open", done));

const append = (audio) =>
  realtime.send({ type: "input_audio_buffer.append", audio: audio.toString("base64") });
const update = (input) =>
  realtime.send({ type: "session.update", session: { type: "transcription", audio: { input } } });

update({
  format: { type: "audio/pcm", rate: RATE },
  transcription: { model: "gpt-4o-transcribe", language: "en" },
  turn_detection: { type: "server_vad", threshold: 0.5, silence_duration_ms: 500 },
});
await ready.within(10);
report.began = performance.now();
const step = Math.round(PIECE * RATE) * 2;
for (let begin = 0, number = 1; begin < samples.length; begin += step, number += 1) {
  await sleep(report.began + number * PIECE * 1000 - performance.now());
  append(samples.subarray(begin, begin + step));
}
for (let waited = 0; open > 0 && waited < 20; waited += PIECE) await sleep(PIECE * 1000);
turns = false;
update({ turn_detection: null });
realtime.send({ type: "input_audio_buffer.clear" });
append(samples.subarray(0, COMMITTED * RATE * 2));
realtime.send({ type: "input_audio_buffer.commit" });
await committed.within(20);
realtime.close();
await closed.within(10);
console.log(JSON.stringify(report));
process.exit(0);
