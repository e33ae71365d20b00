/** What a gateway says of itself and of the workers: `/health/extended`. */
export interface Health {
  readonly version: string;
  readonly gateway: string;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly uptime_s: number;
  readonly memory_bytes: number;
  readonly cpu_s: number;
  readonly sessions: number;
  readonly max_sessions: number;
  readonly stages: Readonly<Record<string, StageHealth>>;
  readonly protocols: readonly string[];
}

export interface StageHealth {
  readonly workers: number;
  readonly slots: number;
  readonly used: number;
}

/** Reads the answer, or returns null where it is another. */
export function readHealth(body: unknown): Health | null {
  const plausible =
    typeof body === "object" && body !== null && "stages" in body && "version" in body;
  return plausible ? (body as Health) : null;
}

/** Stages without which no call is taken. */
const NEEDED = new Set(["vad", "asr"]);

export type StageState = "ready" | "full" | "missing" | "absent";

/** How a stage stands: `absent` where calls do without it. */
export function stageState(name: string, stage: StageHealth): StageState {
  if (!stage.workers) return NEEDED.has(name) ? "missing" : "absent";
  return stage.used < stage.slots ? "ready" : "full";
}
