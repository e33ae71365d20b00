import { expect, test } from "vitest";

import { encoded, frameBytes, interleavedPcm16, pcm16 } from "../src/pcm.js";

test("samples are rounded, and clipped where they are too loud", () => {
  expect([0, 1, -1, 0.5, 2, -2, 1.4 / 32_768].map(pcm16)).toEqual([
    ...[0, 32_767, -32_768, 16_384, 32_767, -32_768, 1],
  ]);
});

test("every PCM16 sample survives the way to float and back", () => {
  const every = Array.from({ length: 65_536 }, (_, index) => index - 32_768);
  expect(every.filter((sample) => pcm16(Math.fround(sample / 32_768)) !== sample)).toEqual([]);
});

test("channels are interleaved, little-endian", () => {
  const bytes = interleavedPcm16([Float32Array.of(1 / 32_768, 0), Float32Array.of(0.5, -1)]);
  expect([...bytes]).toEqual([1, 0, 0, 0x40, 0, 0, 0, 0x80]);
});

test("what is sent is copied", () => {
  const audio = Uint8Array.of(1, 2);
  const sent = encoded(audio, "alaw");
  audio[0] = 9;
  expect([...sent]).toEqual([1, 2]);
});

test("samples are sent in an encoding that has them", () => {
  expect([...encoded(Int16Array.of(1, -1), "pcm16")]).toEqual([1, 0, 255, 255]);
  expect([...encoded(Float32Array.of(0.5), "pcm16")]).toEqual([0, 0x40]);
  expect([...encoded(Float32Array.of(0.5), "float32")]).toEqual([0, 0, 0, 0x3f]);
  expect(() => encoded(Int16Array.of(1), "mulaw")).toThrow("as Uint8Array, not as Int16Array");
  expect(() => encoded(Int16Array.of(1), "float32")).toThrow("not as Int16Array");
  expect(() => encoded(Float32Array.of(1), "alaw")).toThrow("not as Float32Array");
});

test("a frame has a sample of every channel", () => {
  expect(frameBytes({ encoding: "float32", sample_rate: 1, channels: 2 })).toBe(8);
  expect(frameBytes({ encoding: "mulaw", sample_rate: 1, channels: 1 })).toBe(1);
});
