import { Component } from "preact";
import type { ComponentChild } from "preact";

import { named } from "../named.js";
import { strings } from "../strings.js";
import { clock, duration } from "../units.js";
import type { Item, Placed } from "./blocks.js";
import type { Leg, Mark } from "./entries.js";
import type { Found } from "./find.js";
import { roleOf } from "./roles.js";
import { spans, unplaced } from "./spans.js";

const texts = strings.listen;

/** Places that were found in a turn, numbered from `first` over the whole transcript. */
export interface FoundInTurn {
  readonly first: number;
  readonly places: readonly Found[];
}

interface Shown {
  readonly legs: readonly Leg[];
  /** When the first call began, in s since 1970. */
  readonly began: number;
  readonly found: ReadonlyMap<string, FoundInTurn>;
  /** The number of the place that the reader is at; -1 for none. */
  readonly current: number;
}

/** Rows that are drawn, and laid out, together. */
const IN_A_STRETCH = 50;

/** Cuts the transcript into stretches, so that news draws only the last of them. */
export function stretches(items: readonly Item[]): (readonly Item[])[] {
  const count = Math.ceil(items.length / IN_A_STRETCH);
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * IN_A_STRETCH, (index + 1) * IN_A_STRETCH),
  );
}

interface StretchProps extends Shown {
  readonly items: readonly Item[];
}

/** A stretch of the transcript. It is drawn again only when what it shows has changed. */
export class Stretch extends Component<StretchProps> {
  override shouldComponentUpdate(next: StretchProps): boolean {
    const last = this.props;
    return !(
      last.items.length === next.items.length &&
      last.items.every((item, index) => sameItem(item, next.items[index]!)) &&
      last.legs.length === next.legs.length &&
      last.began === next.began &&
      sameFound(last, next)
    );
  }

  override render({ items, ...shown }: StretchProps): ComponentChild {
    return (
      <ol>
        {items.map((item) => (
          <Row key={item.key} item={item} {...shown} />
        ))}
      </ol>
    );
  }
}

function Row({ item, legs, began, found, current }: Shown & { item: Item }): ComponentChild {
  if (item.kind !== "block") return <MarkRow mark={item} legs={legs} began={began} />;
  return (
    <li class={item.turns.length > 1 ? "block together" : "block"}>
      {item.turns.map((placed) => (
        <TurnCard
          key={placed.turn.key}
          placed={placed}
          legs={legs}
          found={found.get(placed.turn.key)}
          current={current}
        />
      ))}
    </li>
  );
}

function sameItem(a: Item, b: Item): boolean {
  if (a.kind !== "block" || b.kind !== "block") return a === b;
  return (
    a.turns.length === b.turns.length &&
    a.turns.every((each, index) => {
      const other = b.turns[index]!;
      return each.turn === other.turn && each.row === other.row && each.lastRow === other.lastRow;
    })
  );
}

function sameFound(a: StretchProps, b: StretchProps): boolean {
  if (a.found === b.found && a.current === b.current) return true;
  if (!a.found.size && !b.found.size) return true;
  return a.items.every(
    (item) =>
      item.kind !== "block" ||
      item.turns.every(({ turn: { key } }) => !a.found.has(key) && !b.found.has(key)),
  );
}

interface TurnCardProps {
  placed: Placed;
  legs: readonly Leg[];
  found: FoundInTurn | undefined;
  current: number;
}

function TurnCard({ placed, legs, found, current }: TurnCardProps): ComponentChild {
  const { turn, row, lastRow, overlap } = placed;
  const lane = turn.leg.index % 2;
  const place = { "--column": String(turn.leg.index + 1), "--rows": `${row} / ${lastRow + 1}` };
  return (
    <article
      class={`turn lane-${lane}${turn.final ? "" : " open"}`}
      style={place}
      data-key={turn.key}
    >
      <p class="about">
        <b>{named(roleOf(turn.leg, legs), turn.speaker)}</b> <time>{clock(turn.at)}</time>
        {!turn.final && <span class="sr-only">{texts.open}</span>}
        {turn.listens && <span class="sign">{texts.listens}</span>}
        {turn.hidden > 0 && <span class="sign">{texts.hidden(turn.hidden)}</span>}
        {overlap >= 0.05 && <span class="overlap">{texts.overlap(duration(overlap))}</span>}
      </p>
      <p class="text" dir="auto">
        {spans(turn, found?.places, found?.first).map((span) => {
          const text = span.keyword ? <mark class="keyword">{span.text}</mark> : span.text;
          if (span.found < 0) return span.unstable ? <span class="unstable">{text}</span> : text;
          const here = span.found === current;
          return <mark class={here ? "found here" : "found"}>{text}</mark>;
        })}
      </p>
      {unplaced(turn).map((keyword) => (
        <p class="quiet">{texts.keywordAlso(keyword)}</p>
      ))}
    </article>
  );
}

function MarkRow({
  mark,
  legs,
  began,
}: {
  mark: Mark;
  legs: readonly Leg[];
  began: number;
}): ComponentChild {
  return (
    <li class={`mark ${mark.kind}`} data-key={mark.key}>
      <time>{clock(mark.at)}</time>{" "}
      {mark.leg && <b class={`lane-${mark.leg.index % 2}`}>{roleOf(mark.leg, legs)} </b>}
      {said(mark, legs, began)}
    </li>
  );
}

function said(mark: Mark, legs: readonly Leg[], began: number): string {
  const alone = legs.every((leg) => leg.session === mark.session);
  const session = mark.session.slice(0, 8);
  const { marks } = texts;
  switch (mark.kind) {
    case "begun": {
      const time = new Date((began + mark.at) * 1000).toLocaleTimeString();
      return alone ? marks.begun(time) : marks.begunAnother(session, time);
    }
    case "ended":
      return alone ? marks.ended : marks.endedOne(session);
    case "gap":
      return marks.gap(duration(mark.end - mark.at));
    case "dtmf":
      return marks.dtmf(mark.text);
    case "line":
      return marks.line[mark.text as keyof typeof marks.line] ?? mark.text;
    case "slot":
      return marks.slot(mark.text);
    case "interrupted": {
      const other = legs.find(
        ({ session, channel }) => session === mark.session && channel === Number(mark.text),
      );
      return marks.interrupted(other ? roleOf(other, legs) : texts.channel(Number(mark.text)));
    }
    case "failed":
      return mark.text;
  }
}

/** Groups what was found by its turn. */
export function byTurn(found: readonly Found[]): Map<string, FoundInTurn> {
  const grouped = new Map<string, { first: number; places: Found[] }>();
  found.forEach((place, index) => {
    const known = grouped.get(place.key);
    if (known) known.places.push(place);
    else grouped.set(place.key, { first: index, places: [place] });
  });
  return grouped;
}
