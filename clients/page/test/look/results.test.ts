import { expect, test } from "vitest";

import { step, UNTRIED, withStep } from "../../src/look/connection/steps.js";
import { counted, FORMATS, judged, nameOf } from "../../src/look/formats/matrix.js";
import { allowed, nothingYet, summary } from "../../src/look/load/measured.js";
import { bars, MOST_BARS, readTrace, slowestOf } from "../../src/look/trace/trace.js";

test("after a failure the rest of the connection test is skipped", () => {
  const steps = withStep(UNTRIED, step("websocket", "failed", { said: "no" }));
  expect(steps.map((each) => each.state)).toEqual([
    "waiting",
    "waiting",
    "failed",
    "skipped",
    "skipped",
    "skipped",
  ]);
});

test("every encoding, rate and number of channels is tried once", () => {
  expect(new Set(FORMATS.map(nameOf)).size).toBe(40);
});

test("a format passes with few wrong words, on the channel that spoke", () => {
  const few = { wrong: 2, of: 9 };
  expect(judged(["", "so"], few, 1).state).toBe("passed");
  expect(judged(["so", "so"], few, 1).state).toBe("wrong");
  expect(judged(["so"], { wrong: 6, of: 9 }, 1).state).toBe("wrong");
  expect(counted(new Map([["a", judged(["so"], few, 1)]]))).toMatchObject({ passed: 1, wrong: 0 });
});

test("a load test stays within its bounds", () => {
  expect(allowed(99, 99)).toEqual({ calls: 10, seconds: 30 });
  expect(allowed(0, Number.NaN)).toEqual({ calls: 1, seconds: 1 });
  expect(summary(nothingYet(allowed(1, 1)))).toBeNull();
});

function traced(utterance: number, ...parts: [string, number][]): ReturnType<typeof asTraced> {
  return asTraced(
    utterance,
    parts.map(([part, ms]) => ({ part, ms })),
  );
}

function asTraced(utterance: number, parts: { part: string; ms: number }[]) {
  const place = { session_id: "c", channel: 0, utterance, start: 0, end: 1 };
  return { ...place, reason: "silence", parts };
}

test("the pieces of a bar follow each other and add up", () => {
  const trace = [
    traced(1, ["silence", 700], ["store", 10], ["decode", 90]),
    traced(2, ["silence", 700], ["store", 20], ["decode", 30]),
  ];
  const [first, second] = bars(trace, false);
  expect(first).toMatchObject({ total: 100, slowest: { part: "decode", ms: 90 } });
  expect(first!.pieces.map((each) => [each.part, each.from, each.share])).toEqual([
    ["store", 0, 0.1],
    ["decode", 0.1, 0.9],
  ]);
  expect(second!.total).toBe(50);
  expect(slowestOf([first!, second!])).toEqual({ part: "decode", share: 0.8 });
  expect(bars(trace, true)[0]!.total).toBe(800);
});

test("a trace without stamps has no slowest part, and a long one is cut", () => {
  expect(bars([traced(1)], true)[0]).toMatchObject({ total: 0, slowest: null });
  expect(slowestOf([])).toBeNull();
  const many = Array.from({ length: 300 }, (_, index) => traced(index, ["decode", 1]));
  expect(bars(many, true).map((bar) => bar.traced.utterance)[0]).toBe(300 - MOST_BARS);
  expect(readTrace({ error: {} })).toBeNull();
});
