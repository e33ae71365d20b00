/** Seconds without a message after which a server that owes one is left. */
export const SILENCE_S = 10;
/** The same once the network may have changed. */
export const HASTY_SILENCE_S = 3;
/** Servers acknowledge up to 3 s late; only more unconfirmed audio means that an answer is due. */
export const UNCONFIRMED_S = 4;

/**
 * When to leave a server that is silent; pure, `now` in seconds of one clock.
 *
 * Browsers cannot send a WebSocket ping. A server owes a message while audio flows, since it
 * acknowledges each second, and after `flush` and `finalize`, which are answered by finals. While
 * it owes none, nothing can be lost by waiting.
 */
export class Watch {
  #owedSince: number | null = null;
  #heard = 0;
  #awaited = false;
  #hasty = false;

  /** Notes a new connection. */
  connected(now: number): void {
    this.#heard = now;
    this.#owedSince = null;
    this.#hasty = false;
  }

  /** Notes a message of the server, or that the connection took bytes that waited. */
  heard(now: number): void {
    this.#heard = now;
    this.#hasty = false;
  }

  /** Notes whether a `flush` or `finalize` that was sent still waits for its answer. */
  awaits(answer: boolean): void {
    this.#awaited = answer;
  }

  /** Notes that the network may have changed: what is owed is waited for less. */
  hasten(): void {
    this.#hasty = true;
  }

  /** Returns the seconds until the server is to be left; null while it owes nothing. */
  left(now: number, underWayS: number): number | null {
    if (underWayS <= UNCONFIRMED_S && !this.#awaited) {
      this.#owedSince = null;
      return null;
    }
    this.#owedSince ??= now;
    const since = Math.max(this.#owedSince, this.#heard);
    return Math.max(0, since + (this.#hasty ? HASTY_SILENCE_S : SILENCE_S) - now);
  }
}
