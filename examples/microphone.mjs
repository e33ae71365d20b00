// Prints what is said into the microphone of this computer, until Ctrl-C.
//
//     node examples/microphone.mjs [ws://localhost:8000/ws/asr]
//
// ALSA's `arecord` records; on other systems let `RECORD` print PCM16 of one channel at 16 kHz, for
// example RECORD="sox -q -d -t raw -r 16000 -c 1 -b 16 -e signed -".
import { spawn } from "node:child_process";

import { connect } from "callscribe";
import { nodeStream } from "callscribe/node";

const url = process.argv[2] ?? "ws://localhost:8000/ws/asr";
const command = process.env.RECORD ?? "arecord -q -t raw -f S16_LE -r 16000 -c 1";
const recorder = spawn(command, { shell: true, stdio: ["ignore", "pipe", "inherit"] });

const call = connect(url, {
  source: nodeStream(recorder.stdout, { sampleRate: 16_000, channels: 1, encoding: "pcm16" }),
});
const isTerminal = process.stdout.isTTY;
call.on("partial", ({ text }) => isTerminal && process.stdout.write(`\r\x1b[K${text}`));
call.on("final", ({ text }) => text && console.log(isTerminal ? `\r\x1b[K${text}` : text));
call.on("resumed", ({ afterS }) => console.error(`back after ${afterS.toFixed(1)} s`));
process.once("SIGINT", () => call.finish());

try {
  for await (const _ of call);
} catch (failure) {
  console.error(`${failure.code}: ${failure.message}`);
  process.exitCode = 1;
} finally {
  recorder.kill();
}
