import { expect, test } from "vitest";

import { decibels, LevelMeter, SILENT } from "../../src/speak/levels.js";

const RATE = 16_000;
const tone = (amplitude: number, seconds: number): Float32Array =>
  Float32Array.from({ length: seconds * RATE }, (_, n) => amplitude * Math.sin((2 * Math.PI * 500 * n) / RATE));
const measured = (...parts: Float32Array[]): LevelMeter["level"] => {
  const meter = new LevelMeter();
  for (const part of parts) meter.heard(part, RATE);
  return meter.level;
};

test("a full sine has -3 dBFS, a tenth of it 20 dB less", () => {
  expect(measured(tone(0.99, 0.2)).rms).toBeCloseTo(-3.1, 1);
  expect(measured(tone(0.099, 0.2)).rms).toBeCloseTo(-23.1, 1);
  expect(decibels(1)).toBe(0);
});

test("the pieces that audio comes in make no difference to the level", () => {
  const whole = tone(0.5, 0.2);
  const pieces = Array.from({ length: 20 }, (_, n) => whole.subarray(n * 160, (n + 1) * 160));
  expect(measured(...pieces).rms).toBeCloseTo(measured(whole).rms, 1);
});

test("the peak is held for a second", () => {
  const loud = tone(0.5, 0.1);
  expect(measured(loud, tone(0.1, 0.5)).peak).toBeCloseTo(-6, 0);
  const later = [0, 1, 2, 3].map(() => tone(0.1, 0.4));
  expect(measured(loud, ...later).peak).toBeCloseTo(-20, 0);
});

test("clipping shows for two seconds", () => {
  const clipped = new Float32Array(160).fill(1);
  expect(measured(clipped).clipping).toBe(true);
  expect(measured(clipped, tone(0.1, 1)).clipping).toBe(true);
  expect(measured(clipped, tone(0.1, 1), tone(0.1, 1.1)).clipping).toBe(false);
  expect(measured(tone(0.9, 1)).clipping).toBe(false);
});

test("digital silence is counted until there is a sound", () => {
  const nothing = new Float32Array(RATE);
  expect(measured(nothing, nothing)).toMatchObject({ rms: SILENT, silentS: 2 });
  expect(measured(nothing, tone(0.001, 0.1)).silentS).toBe(0);
  expect(measured(tone(0.5, 0.1), nothing).silentS).toBe(1);
});

test("nothing at all changes nothing", () => {
  const meter = new LevelMeter();
  const before = meter.level;
  meter.heard(new Float32Array(0), RATE);
  expect(meter.level).toBe(before);
});
