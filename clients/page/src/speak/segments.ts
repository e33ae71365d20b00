import type { KeywordMessage, Word } from "callscribe";

/** A part of a text that looks alike: at most one word's, in a keyword or not. */
export interface Segment {
  text: string;
  /** Index among the words; -1 between them. */
  word: number;
  hit: boolean;
  /** Later partials may change it. */
  unstable: boolean;
}
/** Where a keyword stands in a text. */
export type Hit = Pick<KeywordMessage, "offset" | "text" | "keyword">;

/** The index in a string of the character after so many code points, which the server counts in. */
export function indexOf(text: string, codePoints: number): number {
  let index = 0;
  for (let left = codePoints; left > 0 && index < text.length; left--) {
    index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  }
  return index;
}

/**
 * Cuts a text at its words and keywords, and where its first `stable` code points end. Words that
 * the text does not have are left out.
 */
export function segments(
  text: string, words: readonly Word[], hits: readonly Hit[], stable = Infinity,
): Segment[] {
  const marked = hits.map((hit) => span(text, hit)).filter((each) => each !== null);
  const placed = places(text, words);
  const settled = indexOf(text, stable);
  const cuts = new Set([0, settled, text.length]);
  for (const { start, end } of [...marked, ...placed]) cuts.add(start).add(end);
  const ordered = [...cuts].sort((a, b) => a - b);
  let at = 0;
  return ordered.slice(0, -1).map((start, number) => {
    while (at < placed.length && placed[at]!.end <= start) at++;
    const place = placed[at];
    return {
      text: text.slice(start, ordered[number + 1]),
      word: place && place.start <= start ? place.word : -1,
      hit: marked.some((each) => each.start <= start && start < each.end),
      unstable: start >= settled,
    };
  });
}

/** Where a hit stands, or the nearest place with its text: a final may differ from its partials. */
function span(text: string, hit: Hit): { start: number; end: number } | null {
  const told = indexOf(text, hit.offset);
  let nearest = -1;
  for (let at = text.indexOf(hit.text); at >= 0; at = text.indexOf(hit.text, at + 1)) {
    if (nearest < 0 || Math.abs(at - told) < Math.abs(nearest - told)) nearest = at;
  }
  return nearest < 0 ? null : { start: nearest, end: nearest + hit.text.length };
}

interface Place {
  start: number;
  end: number;
  word: number;
}

function places(text: string, words: readonly Word[]): Place[] {
  const found: Place[] = [];
  let from = 0;
  for (const [word, { word: spelled }] of words.entries()) {
    const sought = spelled.trim();
    const start = sought ? text.indexOf(sought, from) : -1;
    if (start < 0) continue;
    from = start + sought.length;
    found.push({ start, end: from, word });
  }
  return found;
}
