import type { Entry, Leg, OpenSpeech } from "./entries.js";

/** What a drawing of the time line needs; x in seconds of audio, each lane 1 high. */
export interface Drawing {
  /** One path per leg. */
  readonly lanes: readonly string[];
  /** When more than one leg speaks, over all lanes. */
  readonly overlaps: string;
  readonly gaps: string;
}

/** Part of a lane's height that a bar fills, from the top. */
const [TOP, HEIGHT] = [0.15, 0.7];

/** Draws what lies between two moments. */
export function drawn(
  entries: readonly Entry[],
  open: readonly OpenSpeech[],
  legs: readonly Leg[],
  from: number,
  to: number,
): Drawing {
  const lanes = legs.map(() => "");
  let overlaps = "";
  let gaps = "";
  const reach = legs.map(() => Number.NEGATIVE_INFINITY);
  const spoken = [...entries.filter((each) => each.kind === "turn"), ...reaching(open, to)]
    .filter(({ at, end }) => end >= from && at <= to)
    .sort((a, b) => a.at - b.at);
  for (const { leg, at, end } of spoken) {
    lanes[leg.index] += bar(at, end, leg.index + TOP, HEIGHT);
    const other = Math.max(...reach.filter((_, index) => index !== leg.index));
    if (other > at) overlaps += bar(at, Math.min(other, end), 0, legs.length);
    reach[leg.index] = Math.max(reach[leg.index]!, end);
  }
  for (const each of entries) {
    if (each.kind === "gap" && each.leg) gaps += bar(each.at, each.end, each.leg.index, 1);
  }
  return { lanes, overlaps, gaps };
}

/** What is still being said reaches to the end of the drawing. */
function reaching(open: readonly OpenSpeech[], to: number): OpenSpeech[] {
  return open.map((each) => (each.ended ? each : { ...each, end: Math.max(each.end, to) }));
}

function bar(begin: number, end: number, top: number, height: number): string {
  const length = Math.max(0.05, end - begin);
  return `M${round(begin)} ${round(top)}h${round(length)}v${height}h${round(-length)}z`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Round moments between `from` and `to`, at most `most` of them. */
export function ticks(from: number, to: number, most = 8): number[] {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? 7200;
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}
