import { callInProgress } from "../../call_in_progress.js";
import { observable } from "../../observable.js";
import { MessageLog } from "./log.js";

/** The messages of this tab's newest call, and how often they have changed. */
export const recorded = observable<{ log: MessageLog; version: number }>({
  log: new MessageLog(),
  version: 0,
});

/** Milliseconds for which messages are gathered before listeners are told. */
const GATHER_MS = 100;

let remove: (() => void) | null = null;

// A call is recorded from its first message on, whatever view is shown.
callInProgress.subscribe((call) => {
  remove?.();
  const log = new MessageLog();
  let waiting = false;
  const tell = (): void => {
    waiting = false;
    if (recorded.value.log === log) recorded.set({ log, version: recorded.value.version + 1 });
  };
  recorded.set({ log, version: recorded.value.version + 1 });
  remove =
    call?.on("message", (passed) => {
      log.add(passed);
      if (!waiting) setTimeout(tell, GATHER_MS);
      waiting = true;
    }) ?? null;
});
