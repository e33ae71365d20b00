import { expect, test } from "vitest";

import { COLUMN_S, Peaks, SHOWN_S } from "../../src/speak/peaks.js";

const RATE = 44_100;

function ramp(seconds: number): Float32Array {
  return Float32Array.from({ length: seconds * RATE }, (_, n) => (n % 2 ? -1 : 1) * (n / (seconds * RATE)));
}

test("a column has the largest sample of its 20 ms", () => {
  const peaks = new Peaks();
  peaks.heard(ramp(1), 0, RATE);
  expect(peaks.at(0)).toBeCloseTo(0.02, 3);
  expect(peaks.at(24)).toBeCloseTo(0.5, 3);
  expect(peaks.at(49)).toBeCloseTo(1, 3);
  expect(peaks.at(50)).toBe(0);
});

test("the pieces that audio comes in make no difference", () => {
  const whole = new Peaks();
  const pieces = new Peaks();
  const audio = ramp(1);
  whole.heard(audio, 0, RATE);
  for (let at = 0; at < audio.length; at += 777) pieces.heard(audio.subarray(at, at + 777), at, RATE);
  for (let column = 0; column < 50; column++) expect(pieces.at(column)).toBe(whole.at(column));
});

test("what is older than the drawing is forgotten, and its place used again", () => {
  const peaks = new Peaks();
  const rate = 1000;
  peaks.heard(new Float32Array(rate * SHOWN_S * 2).fill(0.5), 0, rate);
  peaks.heard(new Float32Array(rate).fill(0.25), rate * SHOWN_S * 2, rate);
  const newest = (SHOWN_S * 2) / COLUMN_S;
  expect(peaks.at(0)).toBe(0);
  expect(peaks.at(newest - 1)).toBe(0.5);
  expect(peaks.at(newest)).toBe(0.25);
  expect(peaks.at(-1)).toBe(0);
});
