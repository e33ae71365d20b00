import { expect, test } from "vitest";

import { LatencyRecord } from "../../src/speak/latencies.js";

test("each measure has its newest value, its percentiles and its number", () => {
  const record = new LatencyRecord();
  for (let n = 1; n <= 100; n++) record.add("partial_lag", n / 100);
  record.add("finalisation", 0.4);
  expect(record.latencies).toEqual({
    partial_lag: { last: 1, p50: 0.5, p95: 0.95, count: 100 },
    finalisation: { last: 0.4, p50: 0.4, p95: 0.4, count: 1 },
  });
});

test("percentiles follow the newest thousand, the number does not stop there", () => {
  const record = new LatencyRecord();
  for (let n = 0; n < 1000; n++) record.add("partial_lag", 9);
  for (let n = 0; n < 1000; n++) record.add("partial_lag", 1);
  expect(record.latencies.partial_lag).toEqual({ last: 1, p50: 1, p95: 1, count: 2000 });
});
