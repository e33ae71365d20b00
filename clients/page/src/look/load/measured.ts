import { quantile } from "../../units.js";

export const MOST_CALLS = 10;
export const MOST_SECONDS = 30;

/** What a load test asks for. */
export interface Load {
  readonly calls: number;
  readonly seconds: number;
}

/** What a load test has seen so far; times in s. */
export interface LoadResult {
  readonly load: Load;
  readonly passed: number;
  /** Calls that were opened, each of one clip. */
  readonly made: number;
  readonly refused: number;
  /** Calls that failed otherwise. */
  readonly failed: number;
  /** From the end of speech to the final. */
  readonly latencies: readonly number[];
  /** Why the last one failed. */
  readonly said: string;
}

export function nothingYet(load: Load): LoadResult {
  return { load, passed: 0, made: 0, refused: 0, failed: 0, latencies: [], said: "" };
}

/** Brings a wish within what is allowed; a text that is no number gives the least. */
export function allowed(calls: number, seconds: number): Load {
  const within = (value: number, most: number): number =>
    Math.min(most, Math.max(1, Math.floor(value) || 1));
  return { calls: within(calls, MOST_CALLS), seconds: within(seconds, MOST_SECONDS) };
}

/** The middle and the slow end of the latencies; null while there is none. */
export function summary({ latencies }: LoadResult): { p50: number; p95: number } | null {
  return latencies.length
    ? { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) }
    : null;
}
