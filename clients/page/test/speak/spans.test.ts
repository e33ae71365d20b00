import type { CallEvent } from "callscribe";
import { expect, test } from "vitest";

import { type Span, spansAfter } from "../../src/speak/spans.js";

const started = (utterance: number, start: number, channel = 0): CallEvent =>
  ({ type: "speech_started", channel, utterance, start, at: start + 0.3 }) as CallEvent;
const ended = (utterance: number, start: number, end: number): CallEvent =>
  ({ type: "speech_ended", channel: 0, utterance, start, end, at: end + 0.8, reason: "silence" }) as CallEvent;
const after = (now: number, ...events: CallEvent[]): readonly Span[] =>
  events.reduce<readonly Span[]>((spans, event) => spansAfter(spans, event, now), []);

test("speech goes on until it has ended", () => {
  expect(after(2, started(1, 1))).toMatchObject([{ start: 1, end: null }]);
  expect(after(4, started(1, 1), ended(1, 1, 3))).toEqual([
    { channel: 0, utterance: 1, start: 1, end: 3, decided: 3.8, reason: "silence" },
  ]);
});

test("events that are told again after resuming change nothing", () => {
  const once = after(9, started(1, 1), ended(1, 1, 3), started(2, 5));
  expect(after(9, started(1, 1), ended(1, 1, 3), started(1, 1), ended(1, 1, 3), started(2, 5))).toEqual(once);
});

test("legs have numbers of their own", () => {
  expect(after(2, started(1, 1), started(1, 1, 1))).toHaveLength(2);
});

test("what no longer shows is left out, but never open speech", () => {
  const spans = after(100, started(1, 1), ended(1, 1, 3), started(2, 4));
  expect(spans.map((each) => each.utterance)).toEqual([2]);
});

test("other events change nothing", () => {
  const before = after(2, started(1, 1));
  expect(spansAfter(before, { type: "lag", channel: 0, seconds: 3 }, 2)).toBe(before);
});
