/** What the connection test does, in this order. */
export const STEPS = ["http", "ready", "websocket", "call", "pipeline", "speech"] as const;
export type StepName = (typeof STEPS)[number];

/** How a step went; times in s. */
export interface Step {
  readonly name: StepName;
  readonly state: "waiting" | "running" | "passed" | "failed" | "skipped";
  /** What was measured, the middle one where it was measured several times. */
  readonly seconds: number | null;
  /** The slowest of several. */
  readonly slowest: number | null;
  /** What the server said, or how a step failed. */
  readonly said: string;
}

/** What a step found out. */
export interface Found {
  readonly seconds?: number;
  readonly slowest?: number;
  readonly said?: string;
}

export const UNTRIED: readonly Step[] = STEPS.map((name) => step(name, "waiting"));

/** Returns a step as it stands now. */
export function step(name: StepName, state: Step["state"], found: Found = {}): Step {
  const { seconds = null, slowest = null, said = "" } = found;
  return { name, state, seconds, slowest, said };
}

/** Replaces a step; when one has failed, those after it are skipped. */
export function withStep(steps: readonly Step[], changed: Step): Step[] {
  const at = steps.findIndex((each) => each.name === changed.name);
  return steps.map((each, index) => {
    if (index === at) return changed;
    return index > at && changed.state === "failed" ? step(each.name, "skipped") : each;
  });
}
