import { Component, type ComponentChild } from "preact";
import { useId, useState } from "preact/hooks";

import { named } from "../named.js";
import { strings } from "../strings.js";
import { clock, duration } from "../units.js";
import { segments, type Segment } from "./segments.js";
import type { Item, Note, Turn } from "./transcript.js";

const texts = strings.speak.transcript;

/** One line of the transcript; drawn again only when its item is another. */
export class Line extends Component<{ item: Item }> {
  override shouldComponentUpdate(next: { item: Item }): boolean {
    return next.item !== this.props.item;
  }

  override render({ item }: { item: Item }): ComponentChild {
    return item.kind === "turn" ? <TurnLine turn={item} /> : <NoteLine note={item} />;
  }
}

function TurnLine({ turn }: { turn: Turn }): ComponentChild {
  const { final, start, label, speaker, language, channel } = turn;
  return (
    <li class={`turn leg-${channel} ${final ? "final" : "open"}`}>
      <Head start={start} who={named(label, speaker)} />
      <div class="said">
        {final ? <Words turn={turn} />
          : <p>{segments(turn.text, [], turn.hits, turn.stable).map(plain)}</p>}
        <p class="about">{language ?? ""}{wordsState(turn)}{signs(turn)}</p>
      </div>
    </li>
  );
}

function Head({ start, who }: { start: number; who: string }): ComponentChild {
  return (
    <div class="head">
      <span class="when">{clock(start)}</span>
      {who && <span class="who">{who}</span>}
    </div>
  );
}

function wordsState({ pending, unavailable }: Turn): ComponentChild {
  if (unavailable) return <span title={unavailable}> · {texts.unavailable}</span>;
  return pending && ` · ${texts.pending}`;
}

function signs({ listens, hidden }: Turn): string {
  return (listens ? ` · ${texts.listens}` : "") + (hidden ? ` · ${texts.hidden(hidden)}` : "");
}

function plain({ text, hit, unstable }: Segment): ComponentChild {
  const shown = hit ? <mark>{text}</mark> : text;
  return unstable ? <span class="unstable">{shown}</span> : shown;
}

/** The text of a final. Its words show their times; the arrow keys move from one to the next. */
function Words({ turn }: { turn: Turn }): ComponentChild {
  const id = useId();
  const [active, setActive] = useState(0);
  const { text, words, hits } = turn;
  const parts = segments(text, words ?? [], hits);
  if (!words?.length) return <p>{parts.map(plain)}</p>;
  const step = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const others = (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".word");
    const next = others[[...others].indexOf(event.target as HTMLElement) + by];
    if (!by || !next) return;
    event.preventDefault();
    next.focus();
  };
  const told = (index: number): string => {
    const { word, start, end, probability } = words[index]!;
    return texts.word(word.trim(), clock(start, 2), clock(end, 2), Math.round(probability * 100));
  };
  return (
    <p role="group" aria-label={texts.words} onKeyDown={step}>
      {parts.map((part) => part.word < 0 ? plain(part) : (
        <span class="word" tabIndex={part.word === active ? 0 : -1} data-times={told(part.word)}
          aria-describedby={id} onFocus={() => setActive(part.word)}>{plain(part)}</span>
      ))}
      <span id={id} hidden>{told(Math.min(active, words.length - 1))}</span>
    </p>
  );
}

function NoteLine({ note }: { note: Note }): ComponentChild {
  const { start, label, channel } = note;
  return (
    <li class={`turn remark leg-${channel}`}>
      <Head start={start} who={label} />
      <p>{remark(note)}</p>
    </li>
  );
}

function remark({ kind, start, end, about }: Note): string {
  switch (kind) {
    case "gap":
      return texts.gap(duration(end - start));
    case "dtmf":
      return texts.digit(about);
    case "line":
      return texts.line[about as keyof typeof texts.line] ?? about;
    case "interrupted":
      return texts.interrupted(strings.speak.leg(Number(about)));
  }
}
