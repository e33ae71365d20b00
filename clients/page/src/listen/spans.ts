import type { Turn } from "./entries.js";
import type { Found } from "./find.js";

/** A piece of a turn's text that looks the same from end to end. */
export interface Span {
  readonly text: string;
  /** Later partials may change it. */
  readonly unstable: boolean;
  /** The keyword that it is, or "". */
  readonly keyword: string;
  /** Which of the found places it is, from 0; -1 for none. */
  readonly found: number;
}

interface Range {
  from: number;
  to: number;
}

/** Cuts a turn's text where its look changes; `found` are its places, numbered from `first`. */
export function spans(turn: Turn, found: readonly Found[] = [], first = 0): Span[] {
  const { text } = turn;
  const stable = turn.final ? text.length : units(text, turn.stable);
  const hits = turn.hits.flatMap((hit) => {
    const range = place(text, hit.text, units(text, hit.offset));
    return range ? [{ ...range, keyword: hit.keyword }] : [];
  });
  const edges = new Set([0, stable, text.length]);
  for (const range of [...hits, ...found]) edges.add(range.from).add(range.to);
  const cuts = [...edges].filter((cut) => cut <= text.length).sort((a, b) => a - b);
  return cuts.slice(1).map((to, index) => {
    const from = cuts[index]!;
    const inside = (range: Range): boolean => range.from <= from && range.to >= to;
    const place = found.findIndex(inside);
    return {
      text: text.slice(from, to),
      unstable: from >= stable,
      keyword: hits.find(inside)?.keyword ?? "",
      found: place < 0 ? -1 : first + place,
    };
  });
}

/** The keywords of a turn that stand nowhere in its text, as when the final has other words. */
export function unplaced(turn: Turn): string[] {
  const lost = turn.hits.filter((hit) => !place(turn.text, hit.text, units(turn.text, hit.offset)));
  return [...new Set(lost.map((hit) => hit.keyword))];
}

/** The range of `part` at `from`; where the text changed since, the nearest one, else null. */
function place(text: string, part: string, from: number): Range | null {
  if (!part) return null;
  let best = -1;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    if (best < 0 || Math.abs(at - from) < Math.abs(best - from)) best = at;
  }
  return best < 0 ? null : { from: best, to: best + part.length };
}

/** UTF-16 units of the first `points` code points. */
function units(text: string, points: number): number {
  let count = 0;
  let at = 0;
  while (count < points && at < text.length) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
    count += 1;
  }
  return at;
}
