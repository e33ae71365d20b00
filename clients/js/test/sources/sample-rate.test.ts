import { expect, test } from "vitest";

import { sampleRateOf } from "../../src/sources/sample-rate.js";

const at = (...parts: [number, string | number[]][]): ArrayBuffer => {
  const bytes = new Uint8Array(64);
  for (const [place, part] of parts) bytes.set(Buffer.from(part as string, "latin1"), place);
  return bytes.buffer;
};

test.each([
  ["FLAC", at([0, "fLaC"], [18, [0x0a, 0xc4, 0x42]]), 44_100],
  ["Ogg Vorbis", at([0, "OggS"], [29, "vorbis"], [40, [0x80, 0x3e, 0, 0]]), 16_000],
  ["Ogg Opus", at([0, "OggS"], [28, "OpusHead"]), 48_000],
  ["MP3", at([0, [0xff, 0xfb, 0x90]]), 44_100],
  ["MP3, version 2", at([0, [0xff, 0xf3, 0x98]]), 16_000],
  ["MP3, version 2.5", at([0, [0xff, 0xe3, 0x98]]), 8_000],
  ["MP3 behind a tag", at([0, "ID3"], [9, [10]], [20, [0xff, 0xfb, 0x94]]), 48_000],
  ["something else", at([0, "\x00\x00\x00\x20ftyp"]), 48_000],
  ["nothing", new ArrayBuffer(0), 48_000],
])("%s", (_, data, rate) => {
  expect(sampleRateOf(data)).toBe(rate);
});
