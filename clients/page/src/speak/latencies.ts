import { quantile } from "../units.js";

/** What is measured of a call, in the order it is shown. */
export const MEASURES = [
  "partial_lag", "finalisation", "endpoint_to_final", "first_partial",
] as const;
export type Measure = (typeof MEASURES)[number];

/** Latencies of one measure, in seconds. */
export interface Summary {
  last: number;
  p50: number;
  p95: number;
  count: number;
}
export type Latencies = Readonly<Partial<Record<Measure, Summary>>>;

/** How many of the newest latencies of a measure the percentiles are taken from. */
const KEPT = 1000;

/** The latencies of one call. */
export class LatencyRecord {
  readonly #kept = new Map<Measure, number[]>();
  #latest: Latencies = {};

  get latencies(): Latencies {
    return this.#latest;
  }

  add(measure: Measure, seconds: number): void {
    const kept = this.#kept.get(measure) ?? [];
    this.#kept.set(measure, kept);
    kept.push(seconds);
    if (kept.length > KEPT) kept.shift();
    const count = (this.#latest[measure]?.count ?? 0) + 1;
    const [p50, p95] = [quantile(kept, 0.5), quantile(kept, 0.95)];
    this.#latest = { ...this.#latest, [measure]: { last: seconds, p50, p95, count } };
  }
}
