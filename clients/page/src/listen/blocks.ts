import type { Entry, Mark, Turn } from "./entries.js";

/** A turn in a block: its first and last row of the block, from 1, both included. */
export interface Placed {
  readonly turn: Turn;
  readonly row: number;
  readonly lastRow: number;
  /** Seconds that others speak during this turn. */
  readonly overlap: number;
}

/** Turns that overlap, each with the next; a turn that nobody interrupts has a block of its own. */
export interface Block {
  readonly kind: "block";
  readonly key: string;
  readonly turns: readonly Placed[];
}

/** Turns of a block at most: people who never let each other finish still get several blocks. */
const MOST_IN_A_BLOCK = 12;

/** What is shown below each other, in the order of time. */
export type Item = Block | Mark;

/** Arranges entries, which are sorted by when they began, so that overlaps stand side by side. */
export function arrange(entries: readonly Entry[]): Item[] {
  const items: Item[] = [];
  const turns = entries.filter((entry) => entry.kind === "turn");
  let open: Turn[] = [];
  let shown = 0;
  let marks: Mark[] = [];
  let reach = Number.NEGATIVE_INFINITY;
  const close = (): void => {
    if (open.length) items.push(block(open, turns, shown));
    shown += open.length;
    items.push(...marks);
    open = [];
    marks = [];
  };
  for (const entry of entries) {
    if (entry.kind !== "turn") {
      marks.push(entry); // in the middle of an overlap it stands below the block
      if (!open.length || entry.at >= reach) close();
      continue;
    }
    const full = open.length === MOST_IN_A_BLOCK;
    if (full || entry.at >= reach || open.every((turn) => turn.leg === entry.leg)) close();
    open.push(entry);
    reach = Math.max(open.length > 1 ? reach : Number.NEGATIVE_INFINITY, entry.end);
  }
  close();
  return items;
}

/** Places the turns of a block, which stand at `first` among all turns. */
function block(own: readonly Turn[], all: readonly Turn[], first: number): Block {
  const placed: { turn: Turn; row: number; lastRow: number; overlap: number }[] = [];
  let row = 1;
  own.forEach((turn, index) => {
    const taken = placed.some((each) => each.turn.leg === turn.leg && each.lastRow >= row);
    if (taken) {
      row += 1;
      for (const other of placed) {
        const reaches = other.lastRow === row - 1 && other.turn.leg !== turn.leg;
        if (reaches && other.turn.end > turn.at) other.lastRow = row;
      }
    }
    placed.push({ turn, row, lastRow: row, overlap: overlap(all, first + index) });
  });
  return { kind: "block", key: own[0]!.key, turns: placed };
}

/** Seconds of a turn during which another leg speaks; parts that several share count once. */
function overlap(turns: readonly Turn[], index: number): number {
  const turn = turns[index]!;
  let total = 0;
  let covered = turn.at;
  for (let at = Math.max(0, index - MOST_IN_A_BLOCK); at < turns.length; at += 1) {
    const other = turns[at]!;
    if (other.at >= turn.end) break;
    if (other.leg === turn.leg) continue;
    const begin = Math.max(covered, other.at);
    const end = Math.min(turn.end, other.end);
    if (end > begin) {
      total += end - begin;
      covered = end;
    }
  }
  return total;
}
