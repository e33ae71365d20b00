import type { AudioFormat, Encoding } from "callscribe";

export const ENCODINGS: readonly Encoding[] = ["float32", "pcm16", "mulaw", "alaw"];
export const RATES: readonly number[] = [8000, 16_000, 24_000, 44_100, 48_000];
export const CHANNELS = [1, 2] as const;

/** Every format of the test, in the order in which they are tried. */
export const FORMATS: readonly AudioFormat[] = CHANNELS.flatMap((channels) =>
  ENCODINGS.flatMap((encoding) =>
    RATES.map((sample_rate) => ({ encoding, sample_rate, channels })),
  ),
);

/** How one format went. */
export interface Tried {
  readonly state: "passed" | "wrong" | "refused" | "failed";
  /** Seconds from the last audio to the end of the call; null where it failed. */
  readonly seconds: number | null;
  /** Words heard otherwise than they were said. */
  readonly wrong: number;
  readonly of: number;
  /** What was heard, or why it failed. */
  readonly said: string;
}

/** The results so far, by `nameOf`. */
export type Results = ReadonlyMap<string, Tried>;

/** Names a format in the way of `mulaw 8000 2`. */
export function nameOf({ encoding, sample_rate, channels }: AudioFormat): string {
  return `${encoding} ${sample_rate} ${channels}`;
}

/** Share of the clip's words that may be heard otherwise in any format. */
export const TOLERANCE = 0.34;

/** Judges what was heard of the clip, which was said on the last channel alone. */
export function judged(
  texts: readonly string[],
  errors: { wrong: number; of: number },
  seconds: number,
): Tried {
  const elsewhere = texts.slice(0, -1).some(Boolean);
  const passed = !elsewhere && errors.wrong <= TOLERANCE * errors.of;
  return { state: passed ? "passed" : "wrong", seconds, ...errors, said: texts.join(" | ") };
}

/** How many formats have each state. */
export function counted(results: Results): Record<Tried["state"], number> {
  const counts = { passed: 0, wrong: 0, refused: 0, failed: 0 };
  for (const { state } of results.values()) counts[state] += 1;
  return counts;
}
