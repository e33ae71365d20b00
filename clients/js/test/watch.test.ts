import { expect, test } from "vitest";

import { HASTY_SILENCE_S, SILENCE_S, UNCONFIRMED_S, Watch } from "../src/watch.js";

const MUCH = UNCONFIRMED_S + 0.1;

function connected(now = 0): Watch {
  const watch = new Watch();
  watch.connected(now);
  return watch;
}

test("a server that owes nothing may be silent for ever", () => {
  expect(connected().left(1_000, UNCONFIRMED_S)).toBeNull();
});

test("a server that acknowledges no audio is left", () => {
  const watch = connected();
  expect(watch.left(5, MUCH)).toBe(SILENCE_S);
  expect(watch.left(5 + SILENCE_S - 1, MUCH)).toBe(1);
  expect(watch.left(5 + SILENCE_S, MUCH)).toBe(0);
});

test("any message gives it time again", () => {
  const watch = connected();
  watch.left(0, MUCH);
  watch.heard(8);
  expect(watch.left(9, MUCH)).toBe(SILENCE_S - 1);
});

test("silence before something was owed does not count", () => {
  const watch = connected();
  watch.left(50, 0);
  expect(watch.left(100, MUCH)).toBe(SILENCE_S);
});

test("the answer to a flush or finalize is owed", () => {
  const watch = connected();
  watch.awaits(true);
  expect(watch.left(0, 0)).toBe(SILENCE_S);
  watch.awaits(false);
  expect(watch.left(1, 0)).toBeNull();
});

test("when the network may have changed it has less time, until it is heard", () => {
  const watch = connected();
  watch.left(0, MUCH);
  watch.hasten();
  expect(watch.left(1, MUCH)).toBe(HASTY_SILENCE_S - 1);
  watch.heard(2);
  expect(watch.left(2, MUCH)).toBe(SILENCE_S);
});
