import { observable } from "../observable.js";
import type { Observable } from "../observable.js";

/** A test of the server, with what it has found so far. */
export interface Test<T> {
  readonly running: boolean;
  readonly result: T;
  /** Why it could not go on, for people; "" where it could. */
  readonly failure: string;
}

/** Runs one test at a time. */
export interface Runner<T> {
  readonly test: Observable<Test<T>>;
  /** Begins afresh; does nothing while it runs. */
  start(): void;
  /** Ends it; what was found stays. */
  stop(): void;
}

/** Returns a runner of `work`, which replaces the result as it goes, and ends when told to. */
export function runner<T>(
  initial: T,
  work: (update: (result: T) => void, signal: AbortSignal) => Promise<void>,
): Runner<T> {
  const test = observable<Test<T>>({ running: false, result: initial, failure: "" });
  let ending = new AbortController();
  const run = async (signal: AbortSignal): Promise<void> => {
    const update = (result: T): void => {
      if (!signal.aborted) test.set({ ...test.value, result });
    };
    const error: unknown = await work(update, signal).catch((reason: unknown) => reason);
    const failed = !signal.aborted && error !== undefined;
    test.set({ ...test.value, running: false, failure: failed ? String(error) : "" });
  };
  return {
    test,
    start() {
      if (test.value.running) return;
      ending = new AbortController();
      test.set({ running: true, result: initial, failure: "" });
      void run(ending.signal);
    },
    stop() {
      ending.abort();
    },
  };
}
