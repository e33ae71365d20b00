import { CallscribeError } from "./errors.js";
import type { ReaderMessage } from "./messages.js";

const SEQ = /^\d{1,15}$/;
const PART = /^([0-9A-Za-z]+)-(\d{1,15})$/;

/**
 * How far a reader of `call`, an id or name, is: the last `seq` of each call, such as `s1-7.s2-3`,
 * or `7` where `call` is the session id of the only one; pure.
 */
export class Place {
  readonly #call: string;
  readonly #seqs = new Map<string, number>();
  /** The last `seq` of the call whose session id `call` is. */
  readonly #own: number;

  /** Throws `misuse` for a text that is no place. */
  constructor(call: string, from = "0") {
    this.#call = call;
    const parts = from.split(".");
    // Numbers with dots between do not say whose they are, so they count for no call.
    const areNumbers = parts.every((part) => SEQ.test(part));
    this.#own = areNumbers && parts.length === 1 ? Number(from) : 0;
    for (const part of areNumbers ? [] : parts) {
      const [, session, seq] = PART.exec(part) ?? [];
      if (session === undefined) {
        const text = `from is a seq or a reader's place, such as 7 or s1-7.s2-3, not ${from}`;
        throw new CallscribeError("misuse", text);
      }
      this.#seqs.set(session, Number(seq));
    }
  }

  /** Returns the last `seq` of a call. */
  of(session: string): number {
    return this.#seqs.get(session) ?? (session === this.#call ? this.#own : 0);
  }

  /** Notes a message that was passed on. */
  note(message: ReaderMessage): void {
    const { session_id: session } = message;
    const isCounted = message.type === "final" || message.type === "words";
    this.#seqs.set(session, isCounted ? message.seq : this.of(session));
  }

  toString(): string {
    const parts = [...this.#seqs];
    if (parts.every(([session]) => session === this.#call)) return String(this.of(this.#call));
    return parts.map(([session, seq]) => `${session}-${seq}`).join(".");
  }
}
