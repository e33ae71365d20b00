/** Bounds of the longest wait, in seconds; each wait is a random part of it. */
export const FIRST_WAIT_S = 0.1;
export const LONGEST_WAIT_S = 5;
/** Seconds after which a connection counts as working. */
export const STEADY_S = 10;

/** A server to try after some seconds. */
export interface Attempt {
  readonly url: string;
  readonly waitS: number;
}

/**
 * Which server to try next after a broken connection, when, and when to give up; pure: `now` in
 * seconds of any clock that does not go back.
 *
 * Exponential back-off with full jitter, after M. Brooker, "Exponential Backoff And Jitter" (AWS
 * Architecture Blog, 2015): the clients of one dead gateway do not all reconnect at the same time.
 *
 * The patience is the total time without a connection since the call last advanced, in seconds. So
 * a server that accepts the call and drops it again cannot keep it for ever.
 */
export class Redialling {
  #urls: readonly string[];
  readonly #patience: number;
  #left: number;
  readonly #barred = new Map<string, number>();
  #tries = 0;
  #immediately = false;
  #connectedAt = 0;
  #lostAt = 0;

  constructor(urls: readonly string[], patienceS: number) {
    this.#urls = urls;
    this.#patience = this.#left = patienceS;
  }

  /** Notes a connection; the server that follows in the list is next when it breaks. */
  connected(url: string, now: number): void {
    if (this.#tries > 0) this.#left -= now - this.#lostAt;
    this.#turnToNextOf(url);
    this.#connectedAt = now;
  }

  /** Notes that the call advanced: earlier failures no longer count. */
  advanced(): void {
    this.#tries = 0;
    this.#left = this.#patience;
  }

  /** Notes a broken connection; `immediately`: the first attempt need not wait. */
  lost(now: number, immediately: boolean): void {
    if (now - this.#connectedAt >= STEADY_S) this.advanced();
    this.#immediately = immediately && this.#tries === 0;
    this.#lostAt = now;
  }

  /** Returns the next attempt, null when the patience is used up; `chance` is random, 0 to 1. */
  nextAttempt(now: number, chance: number): Attempt | null {
    const left = this.#left - (now - this.#lostAt);
    const [first, ...others] = this.#urls;
    if (left <= 0 || first === undefined) return null;
    const free = (url: string): number => Math.max(now, this.#barred.get(url) ?? now);
    const url = others.reduce((best, each) => (free(each) < free(best) ? each : best), first);
    const longest = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** Math.min(this.#tries, 64));
    const wait = this.#immediately ? 0 : chance * longest;
    this.#immediately = false;
    this.#tries += 1;
    return { url, waitS: Math.min(left, wait + free(url) - now) };
  }

  /** Notes a failed attempt; the server asked not to be tried for `retryAfterS` seconds. */
  failed(url: string, now: number, retryAfterS: number): void {
    this.#barred.set(url, now + retryAfterS);
    this.#turnToNextOf(url);
  }

  #turnToNextOf(url: string): void {
    const following = this.#urls.indexOf(url) + 1;
    this.#urls = [...this.#urls.slice(following), ...this.#urls.slice(0, following)];
  }
}
