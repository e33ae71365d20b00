import { expect, test } from "vitest";

import { Latencies, Sending } from "../src/latency.js";
import { final, partial, speechEnded } from "./said.js";

function seconds(latencies: Latencies, message: Parameters<Latencies["note"]>[0], now: number) {
  const found = latencies.note(message, now);
  return Object.fromEntries(found.map((each) => [each.measure, Number(each.seconds.toFixed(3))]));
}

function sending(): Latencies {
  const latencies = new Latencies();
  for (let end = 1; end <= 5; end += 1) latencies.sending.sent(end, 100 + end);
  return latencies;
}

test("the first partial is measured from the start of speech, each from what it covers", () => {
  const latencies = sending();
  expect(seconds(latencies, partial({ start: 0.5, end: 1.5 }), 103)).toEqual({
    partial_lag: 1,
    first_partial: 2,
  });
  expect(seconds(latencies, partial({ start: 0.5, end: 2.5 }), 104)).toEqual({ partial_lag: 1 });
});

test.each([true, false])("an endpoint and its final come in any order: %s", (endpointFirst) => {
  const latencies = sending();
  const end = speechEnded({ at: 3 });
  const said = final({ start: 0, end: 2 });
  if (endpointFirst) {
    expect(seconds(latencies, end, 103.5)).toEqual({});
    expect(seconds(latencies, said, 104)).toEqual({ finalisation: 2, endpoint_to_final: 1 });
  } else {
    expect(seconds(latencies, said, 104)).toEqual({ finalisation: 2 });
    expect(seconds(latencies, end, 104.5)).toEqual({ endpoint_to_final: 1 });
  }
});

test("an empty final measures nothing, and neither does one before any audio", () => {
  expect(sending().note(final({ start: 2, end: 2 }), 200)).toEqual([]);
  expect(new Latencies().note(final(), 200)).toEqual([]);
});

test("a position past the last audio counts as sent with it, a rounded one in place", () => {
  const times = new Sending();
  times.sent(1, 10);
  times.sent(2, 20);
  expect([times.timeOf(1.0004), times.timeOf(1.1), times.timeOf(9)]).toEqual([10, 20, 20]);
});

test("audio that is sent again keeps its first time", () => {
  const times = new Sending();
  times.sent(1, 10);
  times.sent(1, 30);
  expect(times.timeOf(0.5)).toBe(10);
});

test("a long call remembers its last minutes only", () => {
  const times = new Sending();
  for (let end = 1; end <= 100_000; end += 1) times.sent(end, end);
  expect(times.timeOf(99_990)).toBe(99_990);
  expect(times.timeOf(1)).toBeGreaterThan(99_000);
});
