import { expect, test } from "vitest";

import { readHealth, stageState } from "../../src/look/health/facts.js";
import { mean, readMetrics, refusals } from "../../src/look/health/metrics.js";
import { RefusalWatch } from "../../src/look/health/refusals.js";

const METRICS = `# HELP callscribe_refusals_total Sessions refused
# TYPE callscribe_refusals_total counter
callscribe_refusals_total{reason="asr_load"} 3.0
callscribe_refusals_total{reason="say \\"no\\""} 1.0
callscribe_refusals_created{reason="asr_load"} 1.79e+09
callscribe_endpoint_to_final_seconds_count 4.0
callscribe_endpoint_to_final_seconds_sum 1.0
callscribe_step_bucket{le="+Inf",stage="vad"} 7
`;

test("the text of Prometheus", () => {
  const samples = readMetrics(METRICS);
  expect(refusals(samples)).toEqual(
    new Map([
      ["asr_load", 3],
      ['say "no"', 1],
    ]),
  );
  expect(mean(samples, "callscribe_endpoint_to_final_seconds")).toBe(0.25);
  expect(mean(samples, "callscribe_partial_latency_seconds")).toBeNull();
  expect(samples.at(-1)?.labels).toEqual({ le: "+Inf", stage: "vad" });
});

test("refusals are recent for a minute", () => {
  const watch = new RefusalWatch();
  const read = (at: number, count: number): [number, number] => {
    const [refused] = watch.read(new Map([["asr_load", count]]), at);
    return [refused!.all, refused!.recent];
  };
  expect(read(0, 5)).toEqual([5, 0]);
  expect(read(2_000, 7)).toEqual([7, 2]);
  expect(read(61_000, 7)).toEqual([7, 2]);
  expect(read(62_000, 7)).toEqual([7, 0]);
});

test("a gateway that was started again counts from 0", () => {
  const watch = new RefusalWatch();
  watch.read(new Map([["asr_load", 5]]), 0);
  expect(watch.read(new Map([["asr_load", 1]]), 2_000)).toEqual([
    { reason: "asr_load", all: 1, recent: 1 },
  ]);
});

test("a stage without workers matters where calls need it", () => {
  const none = { workers: 0, slots: 0, used: 0 };
  expect([stageState("asr", none), stageState("align", none)]).toEqual(["missing", "absent"]);
  expect(stageState("vad", { workers: 1, slots: 2, used: 2 })).toBe("full");
  expect(stageState("vad", { workers: 1, slots: 2, used: 1 })).toBe("ready");
});

test("another answer is no health", () => {
  expect([readHealth("502 Bad Gateway"), readHealth(null), readHealth({})]).toEqual([
    null,
    null,
    null,
  ]);
});
