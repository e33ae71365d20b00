// Prints the transcript of a WAV file, with times and channels.
//
//     node examples/transcribe_file.mjs call.wav [ws://localhost:8000/ws/asr]
import { readFile } from "node:fs/promises";

import { connect, file } from "callscribe";

const [path, url = "ws://localhost:8000/ws/asr"] = process.argv.slice(2);
if (path === undefined) {
  console.error("give a WAV file");
  process.exit(2);
}

function clock(seconds) {
  return new Date(1000 * seconds).toISOString().slice(11, 23);
}

try {
  // Not at the pace of speech, but as fast as the server takes it.
  const source = file(new Blob([await readFile(path)]), { paced: false });
  for await (const event of connect(url, { source })) {
    if (event.type !== "final" || event.text === "") continue;
    console.log(`${clock(event.start)} ${event.channel}: ${event.text}`);
  }
} catch (failure) {
  console.error(`${failure.code}: ${failure.message}`);
  process.exitCode = 1;
}
