import { CallscribeError } from "./errors.js";
import type { ReaderMessage } from "./messages.js";

/**
 * How far a reader is: the last `seq` of each call, in the order of the calls, with dots between,
 * such as `7.3`; pure.
 */
export class Place {
  readonly #seqs: number[];
  readonly #calls: string[] = [];

  /** Throws `misuse` for a text that is no place. */
  constructor(from = "0") {
    if (!/^\d{1,15}(\.\d{1,15})*$/.test(from)) {
      throw new CallscribeError("misuse", `from is a place such as 7 or 7.3, not ${from}`);
    }
    this.#seqs = from.split(".").map(Number);
  }

  /** Returns the last `seq` of a call; calls are told in their order. */
  of(call: string): number {
    return this.#seqs[this.#index(call)] ?? 0;
  }

  /** Notes a message that was passed on. */
  note(message: ReaderMessage): void {
    const index = this.#index(message.session_id);
    if (message.type === "final" || message.type === "words") this.#seqs[index] = message.seq;
  }

  toString(): string {
    return Array.from(this.#seqs, (seq) => seq ?? 0).join(".");
  }

  #index(call: string): number {
    const known = this.#calls.indexOf(call);
    return known >= 0 ? known : this.#calls.push(call) - 1;
  }
}
