import { expect, test } from "vitest";

import { after, type CallMove, isOver, transitions } from "../src/call-state.js";

test("a call goes from its source to its end", () => {
  const moves: CallMove[] = ["started", "created", "broke", "resumed", "finish", "over"];
  let state = after("starting", "started");
  const seen = [state];
  for (const move of moves.slice(1)) seen.push((state = after(state, move)));
  expect(seen).toEqual(["connecting", "open", "resuming", "open", "finishing", "finished"]);
});

test("a call that finishes stays so while it is resumed", () => {
  for (const move of ["created", "broke", "resumed"] as const) {
    expect(after("finishing", move)).toBe("finishing");
  }
});

test("every call can fail and be left until it is over", () => {
  const running = new Set(transitions().map(([state]) => state));
  for (const state of running) {
    expect(after(state, "failure")).toBe("failed");
    expect(after(state, "over")).toBe("finished");
    expect(isOver(state)).toBe(false);
  }
});

test("nothing follows the end, and what is not in the table throws", () => {
  for (const state of ["finished", "failed"] as const) {
    expect(isOver(state)).toBe(true);
    expect(() => after(state, "over")).toThrow(`a call that is ${state}`);
  }
  expect(() => after("open", "created")).toThrow("a call that is open cannot have: created");
});
