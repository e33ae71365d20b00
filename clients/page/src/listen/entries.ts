/** One channel of one call; `index` is its place among all legs that are shown. */
export interface Leg {
  readonly session: string;
  readonly channel: number;
  readonly role: string;
  readonly index: number;
}

/** A keyword that was said, `offset` code points into the turn's text. */
export interface Hit {
  readonly keyword: string;
  readonly text: string;
  readonly offset: number;
}

/** What was said without an endpoint between: an utterance. Times are s since the first call. */
export interface Turn {
  readonly kind: "turn";
  readonly key: string;
  readonly leg: Leg;
  readonly utterance: number;
  readonly at: number;
  readonly end: number;
  readonly text: string;
  /** Who says most of it, where the call tells its speakers apart; null if that is not known. */
  readonly speaker: number | null;
  /** Code points of `text` that later partials keep. */
  readonly stable: number;
  readonly final: boolean;
  readonly hits: readonly Hit[];
  /** Whether it is no more than a listener's sign. */
  readonly listens: boolean;
  /** How many masks its text has. */
  readonly hidden: number;
}

/** Something that happened and is no speech. */
export interface Mark {
  readonly kind: "begun" | "ended" | "gap" | "dtmf" | "failed" | "line" | "slot" | "interrupted";
  readonly key: string;
  readonly session: string;
  /** Null for a whole call. */
  readonly leg: Leg | null;
  readonly at: number;
  readonly end: number;
  /** The digit, the problem, the answer, the other channel, or the message of what failed. */
  readonly text: string;
}

export type Entry = Turn | Mark;

/** Speech whose final has not come, `end` being how far it is known to reach. */
export interface OpenSpeech {
  readonly leg: Leg;
  readonly utterance: number;
  readonly at: number;
  readonly end: number;
  /** Whether its end was found. */
  readonly ended: boolean;
}

/** Entries by when they began; each is found by its key, and replaced by one with the same key. */
export class Entries {
  readonly #sorted: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();

  get all(): readonly Entry[] {
    return this.#sorted;
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  /** The turn with this key, if there is one. */
  turn(key: string): Turn | undefined {
    const entry = this.#byKey.get(key);
    return entry?.kind === "turn" ? entry : undefined;
  }

  put(entry: Entry): void {
    const known = this.#byKey.get(entry.key);
    this.#byKey.set(entry.key, entry);
    if (known?.at === entry.at) {
      this.#sorted[this.#sorted.lastIndexOf(known)] = entry;
      return;
    }
    if (known) this.#sorted.splice(this.#sorted.lastIndexOf(known), 1);
    let place = this.#sorted.length;
    while (place > 0 && this.#sorted[place - 1]!.at > entry.at) place -= 1;
    this.#sorted.splice(place, 0, entry);
  }

  remove(entry: Entry): void {
    this.#byKey.delete(entry.key);
    this.#sorted.splice(this.#sorted.lastIndexOf(entry), 1);
  }

  /** Moves every entry to a later time, by so many seconds. */
  shift(by: number): void {
    for (const [index, entry] of this.#sorted.entries()) {
      const moved = { ...entry, at: entry.at + by, end: entry.end + by };
      this.#sorted[index] = moved;
      this.#byKey.set(moved.key, moved);
    }
  }
}

/** A mark that stands for a whole call. */
export function ofCall(
  kind: "begun" | "ended" | "failed",
  session: string,
  at: number,
  text = "",
): Mark {
  return { kind, key: `${session} ${kind} ${text}`, session, leg: null, at, end: at, text };
}

/** The key of an utterance of a leg. */
export function turnKey(leg: Leg, utterance: number): string {
  return `${leg.session} ${leg.channel} ${utterance}`;
}
