/** The parts of a final's time, in order; docs/calls.md says what each is. */
export const PARTS = [
  "silence",
  "store",
  "denoise",
  "hear",
  "decide",
  "queue",
  "decode",
  "commit",
  "send",
] as const;
export type Part = (typeof PARTS)[number];

/** What `GET /v1/sessions/{id}/trace` says of one final. */
export interface Traced {
  readonly session_id: string;
  readonly channel: number;
  readonly label?: string;
  readonly utterance: number;
  readonly start: number;
  readonly end: number;
  readonly reason: string;
  readonly parts: readonly { readonly part: string; readonly ms: number }[];
}

/** A final's time as a bar; shares are of the longest bar. */
export interface Bar {
  readonly key: string;
  readonly traced: Traced;
  readonly pieces: readonly Piece[];
  readonly total: number;
  /** The part that took longest; null where nothing is known. */
  readonly slowest: Piece | null;
}

export interface Piece {
  readonly part: Part;
  readonly ms: number;
  readonly from: number;
  readonly share: number;
}

/** Finals that are drawn: the newest ones. */
export const MOST_BARS = 200;

/** Reads a trace; null where the answer is none. */
export function readTrace(body: unknown): readonly Traced[] | null {
  const found = (body as { utterances?: readonly Traced[] } | null)?.utterances;
  return Array.isArray(found) ? found : null;
}

/**
 * Lays the finals of a trace on one axis. Waiting for silence is a setting and no delay of the
 * server's, so it counts only where `silence` is set.
 */
export function bars(trace: readonly Traced[], silence: boolean): Bar[] {
  const wanted = (part: string): part is Part =>
    (PARTS as readonly string[]).includes(part) && (silence || part !== "silence");
  const shown = trace.slice(-MOST_BARS).map((traced) => {
    const parts = traced.parts.flatMap(({ part, ms }) => (wanted(part) ? [{ part, ms }] : []));
    return { traced, parts, total: parts.reduce((sum, { ms }) => sum + ms, 0) };
  });
  const longest = Math.max(1, ...shown.map(({ total }) => total));
  return shown.map(({ traced, parts, total }) => {
    let from = 0;
    const pieces = parts.map(({ part, ms }) => {
      const piece = { part, ms, from: from / longest, share: ms / longest };
      from += ms;
      return piece;
    });
    const slowest = pieces.reduce<Piece | null>((a, b) => (a && a.ms >= b.ms ? a : b), null);
    const key = `${traced.session_id} ${traced.channel} ${traced.utterance}`;
    return { key, traced, pieces, total, slowest };
  });
}

/** The part that takes most of the time over all finals, and its share; null for none. */
export function slowestOf(all: readonly Bar[]): { part: Part; share: number } | null {
  const sums = new Map<Part, number>();
  for (const { part, ms } of all.flatMap((bar) => bar.pieces)) {
    sums.set(part, (sums.get(part) ?? 0) + ms);
  }
  const total = [...sums.values()].reduce((a, b) => a + b, 0);
  const [most] = [...sums].sort(([, a], [, b]) => b - a);
  return most && total ? { part: most[0], share: most[1] / total } : null;
}
