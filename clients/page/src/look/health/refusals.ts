/** Refusals for one reason: since the gateway began, and in the last minute. */
export interface Refused {
  readonly reason: string;
  readonly all: number;
  readonly recent: number;
}

/** Milliseconds that count as now. */
const RECENT_MS = 60_000;

/** Tells which refusals are new, from counters that are read again and again. */
export class RefusalWatch {
  #readings: { at: number; counts: ReadonlyMap<string, number> }[] = [];

  /** Takes the counters at a moment, in ms; returns all reasons, the most recent ones first. */
  read(counts: ReadonlyMap<string, number>, at: number): Refused[] {
    const last = this.#readings.at(-1)?.counts;
    const restarted =
      last && [...last].some(([reason, count]) => (counts.get(reason) ?? 0) < count);
    if (restarted) this.#readings = [{ at, counts: new Map() }]; // another process, from 0
    this.#readings.push({ at, counts });
    // The newest reading that is older than the span is what the others are compared with.
    while (this.#readings.length > 2 && this.#readings[1]!.at <= at - RECENT_MS)
      this.#readings.shift();
    const before = this.#readings[0]!.counts;
    return [...counts]
      .map(([reason, all]) => ({ reason, all, recent: all - (before.get(reason) ?? 0) }))
      .sort((a, b) => b.recent - a.recent || b.all - a.all || a.reason.localeCompare(b.reason));
  }
}
