import type { CallEvent } from "callscribe";
import { expect, test } from "vitest";

import { Sound } from "../../src/speak/sound.js";

const RATE = 8000;
const second = (value: number): Float32Array => new Float32Array(RATE).fill(value);

test("each leg has its own level and outline", () => {
  const sound = new Sound(2);
  sound.heard({ position: 0, sampleRate: RATE, channels: [second(0.5), second(0)] });
  expect(sound.levels.map((each) => Math.round(each.rms))).toEqual([-6, -100]);
  expect(sound.peaks.map((each) => each.at(10))).toEqual([0.5, 0]);
});

test("time is what was heard, wherever its pieces were cut", () => {
  const sound = new Sound(1);
  sound.heard({ position: 0, sampleRate: RATE, channels: [second(0.1)] });
  sound.heard({ position: RATE, sampleRate: RATE, channels: [second(0.1).subarray(0, RATE / 2)] });
  expect(sound.endS).toBe(1.5);
});

test("what was stored does not wait, and never waits again", () => {
  const sound = new Sound(1);
  sound.heard({ position: 0, sampleRate: RATE, channels: [second(0.1)] });
  expect(sound.waitingS).toBe(1);
  sound.stored(RATE / 2);
  sound.stored(RATE / 4);
  expect(sound.waitingS).toBe(0.5);
});

test("whatever can be drawn counts as a change", () => {
  const sound = new Sound(1);
  sound.heard({ position: 0, sampleRate: RATE, channels: [second(0.1)] });
  const { changes } = sound;
  sound.spoken({ type: "speech_started", channel: 0, utterance: 1, start: 0.1, at: 0.4 } as CallEvent);
  expect(sound.changes).toBeGreaterThan(changes);
  expect(sound.spans).toHaveLength(1);
});
