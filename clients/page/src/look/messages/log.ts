/** One message of the call, or several of audio in a row. */
export interface Line {
  readonly number: number;
  readonly direction: "in" | "out";
  /** When it passed, in ms since 1970; of audio, the first. */
  readonly at: number;
  /** The message's `type`, `audio`, or `text` where it is no JSON. */
  readonly type: string;
  /** The message as it was, without tokens; "" for audio. */
  readonly text: string;
  /** Of audio: how many messages, and their bytes. */
  readonly count: number;
  readonly bytes: number;
}

export interface Passed {
  readonly direction: "in" | "out";
  readonly at: number;
  readonly text?: string;
  readonly bytes?: number;
}

/** Lines that are kept; the oldest go first. */
export const MOST_LINES = 2_000;
/** Characters of a message that are kept. */
const LONGEST = 20_000;

/** The messages of one call, in the order in which they passed. */
export class MessageLog {
  #lines: Line[] = [];
  #next = 1;
  #dropped = 0;

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** How many lines were dropped because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  add(passed: Passed): void {
    const line = this.#line(passed);
    const last = this.#lines.at(-1);
    if (line.type === "audio" && last?.type === "audio" && last.direction === line.direction) {
      const sums = { count: last.count + 1, bytes: last.bytes + line.bytes };
      this.#lines[this.#lines.length - 1] = { ...last, ...sums };
      return;
    }
    this.#next += 1;
    this.#lines.push(line);
    if (this.#lines.length > MOST_LINES) {
      this.#dropped += 1;
      this.#lines.shift();
    }
  }

  #line({ direction, at, text, bytes = 0 }: Passed): Line {
    const place = { number: this.#next, direction, at, count: 1, bytes };
    if (text === undefined) return { ...place, type: "audio", text: "" };
    const hidden = withoutTokens(text);
    const shown = hidden.length > LONGEST ? `${hidden.slice(0, LONGEST)}…` : hidden;
    return { ...place, type: typeOf(text), text: shown };
  }
}

function typeOf(text: string): string {
  try {
    const type = (JSON.parse(text) as { type?: unknown } | null)?.type;
    return typeof type === "string" ? type : "text";
  } catch {
    return "text";
  }
}

const TOKENS = /("(?:resume_token|resume|token)"\s*:\s*")(?:[^"\\]|\\.)*(")/g;

/** Hides what gives the right to a call. */
export function withoutTokens(text: string): string {
  return text.replace(TOKENS, "$1…$2");
}
