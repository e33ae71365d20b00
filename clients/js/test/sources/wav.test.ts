import { expect, test } from "vitest";

import { aLaw, decodeWav, muLaw } from "../../src/sources/wav.js";
import { type Header, wav } from "./wav-file.js";

const decoded = (data: Buffer, header: Header) =>
  decodeWav(wav(data, header))?.channels.map((samples) => [...samples]);

test.each([
  ["8 bits", { kind: 1, bits: 8 }, Buffer.of(0, 128, 192), [-1, 0, 0.5]],
  ["16 bits", { kind: 1, bits: 16 }, Buffer.of(0, 0x80, 0, 0x40), [-1, 0.5]],
  ["24 bits", { kind: 1, bits: 24 }, Buffer.of(0, 0, 0x80, 0, 0, 0x40), [-1, 0.5]],
  ["32 bits", { kind: 1, bits: 32 }, Buffer.of(0, 0, 0, 0x80, 0, 0, 0, 0x40), [-1, 0.5]],
  ["float", { kind: 3, bits: 32 }, Buffer.from(Float32Array.of(-1, 0.25).buffer), [-1, 0.25]],
  ["double", { kind: 3, bits: 64 }, Buffer.from(Float64Array.of(-1, 0.25).buffer), [-1, 0.25]],
  ["extensible", { kind: 0xfffe, bits: 16 }, Buffer.of(0, 0x40), [0.5]],
  ["mu-law", { kind: 7, bits: 8 }, Buffer.of(0xff, 0x80), [0, 32_124 / 32_768]],
  ["A-law", { kind: 6, bits: 8 }, Buffer.of(0xd5, 0x2a), [8 / 32_768, -32_256 / 32_768]],
])("%s", (_, header, data, samples) => {
  expect(decoded(data, header)).toEqual([samples]);
});

test("channels are separated and the rate is told", () => {
  const file = wav(Buffer.of(0, 0x40, 0, 0x80, 0, 0, 0, 0), {
    ...{ kind: 1, bits: 16, channels: 2, rate: 44_100 },
  });
  const found = decodeWav(file);
  expect(found?.sampleRate).toBe(44_100);
  expect(found?.channels.map((samples) => [...samples])).toEqual([
    [0.5, 0],
    [-1, 0],
  ]);
});

test("other chunks are passed over, and a wrong size ends with the file", () => {
  const extra = Buffer.from("LIST\x03\x00\x00\x00abc\x00", "latin1");
  const header = { kind: 1, bits: 16, size: 0xffff_ffff, extra };
  expect(decoded(Buffer.of(0, 0x40), header)).toEqual([[0.5]]);
});

test("every G.711 code is its value in the tables of the standard", () => {
  // ITU-T G.711, tables 1a to 2b, end points of segments, at 16 bits.
  expect([0x00, 0x0f, 0x10, 0x7f, 0x80, 0xff].map(muLaw)).toEqual([
    ...[-32_124, -16_764, -15_996, 0, 32_124, 0],
  ]);
  expect([0xd5, 0x55, 0xaa, 0x2a, 0x80].map(aLaw)).toEqual([8, -8, 32_256, -32_256, 5_504]);
  for (let code = 0; code < 128; code += 1) {
    expect(muLaw(code) + muLaw(code + 128)).toBe(0);
    expect(aLaw(code) + aLaw(code + 128)).toBe(0);
  }
});

test("another file is none, and one that cannot be read says why", () => {
  expect(decodeWav(new Uint8Array(Buffer.from("OggS and more")).buffer)).toBeNull();
  expect(decodeWav(new ArrayBuffer(3))).toBeNull();
  expect(() => decodeWav(wav(Buffer.of(1), { kind: 2, bits: 4 }))).toThrow("format 2 with 4 bits");
  const none = wav(Buffer.of(1), { kind: 1, bits: 16, channels: 0 });
  expect(() => decodeWav(none)).toThrow("0 channels");
  const empty = new Uint8Array(Buffer.from("RIFF\x04\x00\x00\x00WAVE", "latin1")).buffer;
  expect(() => decodeWav(empty)).toThrow("has no audio");
});
