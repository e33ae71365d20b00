import { follow } from "callscribe";
import type { Follower, FollowState as ReaderState, ReaderMessage } from "callscribe";
import { useEffect, useRef, useState } from "preact/hooks";

import { may, readerSettings } from "../access/access.js";
import { address, ask } from "../server.js";
import type { Turn } from "./entries.js";
import { Transcript } from "./transcript.js";

/** How the page stands to the call that it follows. */
export type FollowState =
  | "searching"
  | "unknown"
  | "denied"
  | "unreachable"
  | "connecting"
  | "live"
  | "resuming"
  | "ended"
  | "failed";

export interface Following {
  readonly transcript: Transcript;
  readonly state: FollowState;
  /** Why it stopped, where `state` is `failed`. */
  readonly failure: string;
  /** The newest final that was said while this page listened. */
  readonly news: Turn | null;
  /** Rises with every change of the transcript. */
  readonly version: number;
}

/** Failures of a reader about which the server is asked again. */
const ASK_AGAIN: readonly string[] = [
  "disconnected",
  "unknown_call",
  ...["missing_key", "unknown_key", "revoked_key", "expired_key", "expired_token", "scope"],
];
const LOOK_AGAIN_MS = 2_000;
/** Milliseconds for which messages are gathered before the page is drawn. */
const GATHER_MS = 50;

/** Follows a call by its id or name: all that was said so far, then what follows. */
export function useFollowing(call: string): Following {
  const transcript = useRef(new Transcript());
  const [state, setState] = useState<FollowState>("searching");
  const [failure, setFailure] = useState("");
  const [shown, setShown] = useState<{ version: number; news: Turn | null }>({
    version: 0,
    news: null,
  });
  useEffect(() => {
    const ending = new AbortController();
    let news: Turn | null = null;
    let drawing = 0;
    const draw = (): void => {
      drawing = 0;
      setShown(({ version }) => ({ version: version + 1, news }));
    };
    const take = (message: ReaderMessage): void => {
      news = transcript.current.apply(message) ?? news;
      drawing ||= window.setTimeout(draw, GATHER_MS);
    };
    const enter = (next: FollowState): void => {
      // Who reads that the call has ended sees its last words.
      if (drawing) {
        clearTimeout(drawing);
        draw();
      }
      setState(next);
    };
    const to = { take, setState: enter, setFailure };
    followCall(call, to, ending.signal).catch(() => undefined); // it was ended
    return () => {
      ending.abort();
      clearTimeout(drawing);
    };
  }, [call]);
  return { transcript: transcript.current, state, failure, ...shown };
}

interface Listener {
  take(message: ReaderMessage): void;
  setState(state: FollowState): void;
  setFailure(reason: string): void;
}

const STATES: Record<ReaderState, FollowState> = {
  connecting: "connecting",
  reading: "live",
  reconnecting: "resuming",
  ended: "ended",
  failed: "failed",
};

/** Reads the call to its end. Where the reader gives up, another goes on from its place. */
async function followCall(call: string, to: Listener, signal: AbortSignal): Promise<void> {
  let from = "0";
  while (await found(call, to, signal)) {
    const follower = follow(address("./"), call, { from, ...readerSettings() });
    follower.on("message", to.take, { signal });
    await ended(follower, to, signal);
    if (signal.aborted || follower.failure === null) return;
    if (!ASK_AGAIN.includes(follower.failure.code)) {
      return to.setFailure(follower.failure.message);
    }
    from = follower.place;
  }
}

function ended(follower: Follower, to: Listener, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      follower.stop();
      resolve();
    };
    signal.addEventListener("abort", stop);
    follower.on("state", (state) => {
      if (!signal.aborted) to.setState(STATES[state]);
      if (state === "ended" || state === "failed") resolve();
    });
  });
}

/** Waits until the server knows the call; false where it will not tell. */
async function found(call: string, to: Listener, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const path = `v1/sessions/${encodeURIComponent(call)}`;
    const { status } = may("read") ? await ask(path, { signal }) : { status: 403 };
    if (status === 200) return true;
    if (status === 401 || status === 403) {
      to.setState("denied");
      return false;
    }
    to.setState(status === 404 ? "unknown" : "unreachable");
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    signal.throwIfAborted();
  }
}
