// A client of RNN-T servers in Node, with `ws` and a microphone that is a recording.
//
//   node printed_node.mjs --url ws://host:port --audio FILE.wav
//
// Says what the documents of those servers say and nothing else, and prints {"text", "errors"}.

import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";

import WebSocket from "ws";

const { values: given } = parseArgs({
  options: { url: { type: "string" }, audio: { type: "string" } },
});
const PIECE = 3200; // bytes of 100 ms
const HEADER = 44;

// What `mic` returns from getAudioStream(): PCM16 as it is recorded.
async function* recorded(path) {
  const samples = (await readFile(path)).subarray(HEADER);
  for (let begin = 0; begin < samples.length; begin += PIECE) {
    await new Promise((spoken) => setTimeout(spoken, 100));
    yield samples.subarray(begin, begin + PIECE);
  }
}

const texts = [];
const errors = [];
const ws = new WebSocket(`${given.url}/ws/transcribe?client_id=node`);
ws.on("error", (error) => errors.push(error.message));
ws.on("message", (data) => {
  const result = JSON.parse(data);
  if (result.type === "transcription") texts.push(result.text);
  if (result.type === "error") errors.push(result.message);
});
ws.on("open", () => {
  ws.send(JSON.stringify({ type: "start_recording", config: { sample_rate: 16000 } }));
  const microphone = Readable.from(recorded(given.audio));
  microphone.on("data", (chunk) => ws.send(chunk));
  microphone.on("end", () => {
    ws.send(JSON.stringify({ type: "stop_recording" }));
    setTimeout(() => ws.close(), 5000);
  });
});
ws.on("close", () => console.log(JSON.stringify({ text: texts.join(" "), errors })));
