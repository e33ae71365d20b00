import { useCallback, useEffect, useRef, useState } from "react";

import type { Call } from "./call.js";
import type { CallState } from "./call-state.js";
import { type CallSettings, connect } from "./connect.js";
import type { CallscribeError } from "./errors.js";
import type { FinalMessage, PartialMessage } from "./messages.js";
import { heard, NOTHING_SAID, type Transcript } from "./transcript.js";

/** One call as a component sees it. */
export interface UsedCall {
  /** The newest call; null before the first. */
  readonly call: Call | null;
  /** "idle" before the first call. */
  readonly state: CallState | "idle";
  /** The open utterance of each channel. */
  readonly partials: ReadonlyMap<number, PartialMessage>;
  /** Those with a text; late words are in their final. */
  readonly finals: readonly FinalMessage[];
  readonly failure: CallscribeError | null;
  /** Leaves the call there is, and begins one. Throws `misuse` as `connect` does. */
  start(): void;
  /** Resolves after the last event; rejects with the failure. */
  finish(): Promise<void>;
  leave(): void;
}

interface View extends Transcript {
  readonly call: Call | null;
  readonly state: CallState | "idle";
  readonly failure: CallscribeError | null;
}

const IDLE: View = { call: null, state: "idle", failure: null, ...NOTHING_SAID };

/**
 * A call that lives as long as the component. `settings` is called by `start`, so that each call
 * has a source of its own; `url` is as for `connect`, and counts from the next `start` on.
 */
export function useCall(url: string | readonly string[], settings: () => CallSettings): UsedCall {
  const [view, setView] = useState(IDLE);
  const running = useRef<Call | null>(null);
  const newest = useRef({ url, settings });
  useEffect(() => {
    newest.current = { url, settings };
  });
  useEffect(() => () => running.current?.leave(), []);

  const start = useCallback(() => {
    const call = connect(newest.current.url, newest.current.settings());
    running.current?.leave();
    running.current = call;
    setView({ ...IDLE, call, state: call.state });
    const update = (change: (view: View) => View): void =>
      setView((old) => (old.call === call ? change(old) : old));
    call.on("state", (state) => update((old) => ({ ...old, state, failure: call.failure })));
    for (const name of ["partial", "final", "words"] as const) {
      call.on(name, (message: Parameters<typeof heard>[1]) =>
        update((old) => ({ ...old, ...heard(old, message) })),
      );
    }
  }, []);
  const finish = useCallback(() => running.current?.finish() ?? Promise.resolve(), []);
  const leave = useCallback(() => running.current?.leave(), []);
  return { ...view, start, finish, leave };
}
