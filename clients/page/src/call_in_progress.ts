import type { Call } from "callscribe";

import { observable } from "./observable.js";

/** The newest call of the Speak view, also after its end; null before the first. */
export const callInProgress = observable<Call | null>(null);
