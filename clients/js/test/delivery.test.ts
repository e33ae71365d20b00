import { expect, test } from "vitest";

import { Delivery } from "../src/delivery.js";
import type { ServerMessage } from "../src/messages.js";
import {
  dtmf, error, final, keyword, line, partial, speechEnded, turnOverlap, turnStarted, words,
} from "./said.js";

const gap: ServerMessage = { type: "gap", channel: 0, start: 1, end: 2 };

test("finals and words pass with rising seq, once", () => {
  const delivery = new Delivery();
  expect(delivery.isNew(final({ seq: 3 }))).toBe(true);
  expect(delivery.isNew(final({ seq: 3 }))).toBe(false);
  expect(delivery.isNew(words({ seq: 2 }))).toBe(false);
  expect(delivery.isNew(words({ seq: 4 }))).toBe(true);
  expect(delivery.seq).toBe(4);
});

test("a reader that goes on from a place gets only what follows", () => {
  const delivery = new Delivery(7);
  expect(delivery.isNew(final({ seq: 7 }))).toBe(false);
  expect(delivery.isNew(final({ seq: 8 }))).toBe(true);
});

test("no partial comes after the final of its utterance", () => {
  const delivery = new Delivery();
  expect(delivery.isNew(partial())).toBe(true);
  delivery.isNew(final());
  expect(delivery.isNew(partial())).toBe(false);
  expect(delivery.isNew(partial({ channel: 1 }))).toBe(true);
  expect(delivery.isNew(partial({ utterance: 2 }))).toBe(true);
});

test.each([gap, speechEnded(), keyword(), dtmf(), line(), error("utterance_failed")])(
  "what a resumed server repeats is passed once: $type",
  (message) => {
    const delivery = new Delivery();
    expect(delivery.isNew(message)).toBe(true);
    expect(delivery.isNew({ ...message })).toBe(false);
  },
);

test("the steps of turns pass once, in order", () => {
  const delivery = new Delivery();
  const told: [number, number][] = [[1, 1], [1, 2], [3, 1], [1, 2], [3, 1], [3, 2]];
  const passed = told.map(([turn, step]) => delivery.isNew(turnStarted({ turn, step })));
  expect(passed).toEqual([true, true, true, false, false, true]);
  expect(delivery.isNew(turnStarted({ channel: 1 }))).toBe(true);
});

test("each two turns that overlap are told once", () => {
  const delivery = new Delivery();
  const told: [number, number][] = [[4, 3], [4, 5], [4, 3], [6, 5], [6, 5]];
  const passed = told.map(([turn, other_turn]) =>
    delivery.isNew(turnOverlap({ turn, other_turn })),
  );
  expect(passed).toEqual([true, true, false, true, false]);
});

test("each occurrence of a keyword passes, also behind another utterance's final", () => {
  const delivery = new Delivery();
  expect(delivery.isNew(keyword({ offset: 5 }))).toBe(true);
  expect(delivery.isNew(keyword({ offset: 9 }))).toBe(true);
  delivery.isNew(final());
  expect(delivery.isNew(keyword({ offset: 5 }))).toBe(false);
});

test("the same digit passes again when it is pressed again", () => {
  const delivery = new Delivery();
  for (const pressed of [dtmf(), dtmf({ at: 3 }), dtmf({ at: 3, channel: 1 })]) {
    expect(delivery.isNew(pressed)).toBe(true);
  }
});

test("other messages pass as often as they come", () => {
  const delivery = new Delivery();
  for (const message of [error("option_fixed"), { type: "lag", channel: 0, seconds: 3 } as const]) {
    expect(delivery.isNew(message)).toBe(true);
    expect(delivery.isNew(message)).toBe(true);
  }
});
