import type { Entry } from "./entries.js";

/** Where a text was found: UTF-16 units of a turn's text, as strings are cut. */
export interface Found {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

/** Finds a text in turns, without regard to case; an empty text is found nowhere. */
export function find(entries: readonly Entry[], wanted: string): Found[] {
  const needle = wanted.trim();
  if (!needle) return [];
  const pattern = new RegExp(escaped(needle).replace(/\s+/g, "\\s+"), "giu");
  const found: Found[] = [];
  for (const entry of entries) {
    if (entry.kind !== "turn") continue;
    for (const match of entry.text.matchAll(pattern)) {
      found.push({ key: entry.key, from: match.index, to: match.index + match[0].length });
    }
  }
  return found;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The place after a step from `current`, around the end; -1 where nothing was found. */
export function step(current: number, by: 1 | -1, count: number): number {
  if (!count) return -1;
  if (current < 0) return by > 0 ? 0 : count - 1;
  return (current + by + count) % count;
}
