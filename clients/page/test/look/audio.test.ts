import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { encode, interleave } from "../../src/look/formats/encode.js";
import { resample } from "../../src/look/formats/resample.js";
import { readWav } from "../../src/look/wav.js";
import { wordErrors } from "../../src/look/words.js";

function tone(rate: number, hertz: number, seconds = 0.5): Float32Array {
  return Float32Array.from(
    { length: rate * seconds },
    (_, index) => 0.5 * Math.sin((2 * Math.PI * hertz * index) / rate),
  );
}

test("the values of G.711 that the standard's tables give", () => {
  const samples = new Float32Array([0, 1, -1, 0.5, -0.5, 100 / 32_767]);
  expect([...encode(samples, "mulaw")]).toEqual([0xff, 0x80, 0x00, 0x8f, 0x0f, 0xf2]);
  expect([...encode(samples, "alaw")]).toEqual([0xd5, 0xaa, 0x2a, 0xa5, 0x3a, 0xd3]);
});

test("linear encodings are little-endian and clipped", () => {
  expect([...encode(new Float32Array([1, -2]), "pcm16")]).toEqual([0xff, 0x7f, 0x01, 0x80]);
  expect([...encode(new Float32Array([1]), "float32")]).toEqual([0, 0, 0x80, 0x3f]);
});

test("channels are interleaved frame by frame", () => {
  const channels = [new Float32Array([1, 2]), new Float32Array([3, 4])];
  expect([...interleave(channels)]).toEqual([1, 3, 2, 4]);
});

test.each([
  [8000, 16_000],
  [8000, 44_100],
  [8000, 48_000],
  [48_000, 8000],
])("a tone stays that tone from %i to %i Hz", (from, to) => {
  const converted = resample(tone(from, 440), from, to);
  const wanted = tone(to, 440);
  const middle = [...converted.keys()].slice(to / 10, -to / 10);
  const error = Math.max(...middle.map((at) => Math.abs(converted[at]! - wanted[at]!)));
  expect(converted.length).toBe(wanted.length);
  expect(error).toBeLessThan(0.005);
});

test("what the lower rate cannot hold is removed", () => {
  const converted = resample(tone(48_000, 9000), 48_000, 8000);
  expect(Math.max(...converted.slice(400, -400).map(Math.abs))).toBeLessThan(0.01);
});

test("the clip is read", () => {
  const file = readFileSync(new URL("../../src/look/clip.wav", import.meta.url));
  const clip = readWav(new Uint8Array(file).buffer);
  expect([clip.rate, clip.seconds]).toEqual([8000, 2.818]);
  expect(Math.max(...clip.samples)).toBeGreaterThan(0.1);
});

test("another file is refused", () => {
  expect(() => readWav(new ArrayBuffer(20))).toThrow("no WAV file");
  expect(() => readWav(new ArrayBuffer(0))).toThrow("no WAV file");
});

test("words are compared without case and punctuation", () => {
  expect(wordErrors("So the bill, please.", "so the bill please")).toEqual({ wrong: 0, of: 4 });
  expect(wordErrors("one two three", "one too three four")).toEqual({ wrong: 2, of: 3 });
  expect(wordErrors("one two", "")).toEqual({ wrong: 2, of: 2 });
  expect(wordErrors("one two three", "two three")).toEqual({ wrong: 1, of: 3 });
});
