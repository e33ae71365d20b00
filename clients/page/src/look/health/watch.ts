import { useEffect } from "preact/hooks";

import { may } from "../../access/access.js";
import { observable } from "../../observable.js";
import { ask } from "../../server.js";
import { readHealth } from "./facts.js";
import type { Health } from "./facts.js";
import { mean, readMetrics, refusals } from "./metrics.js";
import { RefusalWatch } from "./refusals.js";
import type { Refused } from "./refusals.js";

const EVERY_MS = 2_000;
/** Milliseconds after which a server counts as silent. */
const SILENT_MS = 5_000;

export interface Seen {
  /** Null before the first answer. */
  readonly health: Health | null;
  readonly refused: readonly Refused[];
  /** Why the server withholds its health: the key lacks a scope, or another port has it. */
  readonly withheld: "scope" | "port" | null;
  /** Where it does: why it takes no calls; "" while it does. */
  readonly unready: string;
  /** Mean seconds from the end of speech to the final, over the gateway's life; null if unknown. */
  readonly endpointToFinal: number | null;
  /** Whether the newest question was answered; null before the first answer or failure. */
  readonly reachable: boolean | null;
  /** When the newest answer came, in ms since 1970. */
  readonly at: number;
}

/** What was seen of the server last. */
export const seen = observable<Seen>({
  health: null,
  refused: [],
  withheld: null,
  unready: "",
  endpointToFinal: null,
  reachable: null,
  at: 0,
});

const watch = new RefusalWatch();

/** Asks the server for its health every 2 s for as long as the component is shown. */
export function useHealthWatch(): void {
  useEffect(() => {
    const ending = new AbortController();
    const go = async (): Promise<void> => {
      for (; !ending.signal.aborted; await pause()) await look(ending.signal);
    };
    go().catch(() => undefined); // it was ended
    return () => ending.abort();
  }, []);
}

async function look(ending: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([ending, AbortSignal.timeout(SILENT_MS)]);
  if (!may("admin")) return lookFromOutside("scope", signal, ending);
  if (seen.value.withheld === "port") return lookFromOutside("port", signal, ending);
  const asked = Promise.all([ask("health/extended", { signal }), ask("metrics", { signal })]);
  const answers = await asked.catch(() => null);
  ending.throwIfAborted();
  const status = answers?.[0].status;
  if (status === 401 || status === 403) return lookFromOutside("scope", signal, ending);
  if (status === 404) return lookFromOutside("port", signal, ending);
  const health = answers && readHealth(answers[0].body);
  if (!health) return seen.set({ ...seen.value, reachable: false });
  const samples = readMetrics(String(answers[1].body));
  seen.set({
    health,
    refused: watch.read(refusals(samples), Date.now()),
    withheld: null,
    unready: "",
    endpointToFinal: mean(samples, "callscribe_endpoint_to_final_seconds"),
    reachable: true,
    at: Date.now(),
  });
}

/** Learns what needs no key: whether the server takes calls. */
async function lookFromOutside(
  withheld: "scope" | "port",
  signal: AbortSignal,
  ending: AbortSignal,
): Promise<void> {
  const answer = await ask("ready", { signal }).catch(() => null);
  ending.throwIfAborted();
  if (!answer || (answer.status !== 200 && answer.status !== 503)) {
    return seen.set({ ...seen.value, withheld, health: null, reachable: false });
  }
  seen.set({
    health: null,
    refused: [],
    withheld,
    unready: answer.status === 200 ? "" : String(answer.body).trim(),
    endpointToFinal: null,
    reachable: true,
    at: Date.now(),
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}
