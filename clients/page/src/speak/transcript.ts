import type {
  CallEvent, FinalMessage, KeywordMessage, PartialMessage, SpeakerRevisionMessage, Word,
  WordsMessage,
} from "callscribe";

import { named } from "../named.js";
import type { Hit } from "./segments.js";

/** An utterance as it is shown: open, or finished when `final`. */
export interface Turn {
  kind: "turn";
  key: string;
  channel: number;
  utterance: number;
  label: string;
  /** Who says most of it, where the call tells its speakers apart; null if that is not known. */
  speaker: number | null;
  /** Seconds of audio. */
  start: number;
  end: number;
  text: string;
  /** Leading code points that stay as they are. */
  stable: number;
  language: string | null;
  final: boolean;
  words: readonly Word[] | null;
  /** Times of the words are still to come. */
  pending: boolean;
  /** Why there are no times of words; "" otherwise. */
  unavailable: string;
  hits: readonly Hit[];
  /** Whether it is no more than a listener's sign. */
  listens: boolean;
  /** How many masks its text has. */
  hidden: number;
}
/** Lost audio, a signalled digit, trouble of the line, or an interruption. */
export interface Note {
  kind: "gap" | "dtmf" | "line" | "interrupted";
  key: string;
  channel: number;
  label: string;
  start: number;
  end: number;
  /** The digit, the problem, or the channel that was interrupted. */
  about: string;
}
export type Item = Turn | Note;

/** What is known of one call's text; a new object for each change. */
export interface Transcript {
  /** Finished turns and notes, by their start. */
  items: readonly Item[];
  /** Open utterances, by their channel. */
  open: readonly Turn[];
  /** Keys of turns that are listeners' signs: it is told before their final. */
  signs: readonly string[];
}

export const EMPTY: Transcript = { items: [], open: [], signs: [] };

/** The transcript after an event. */
export function heard(before: Transcript, event: CallEvent): Transcript {
  switch (event.type) {
    case "partial":
      return { ...before, open: withOpen(before.open, turnOf(event, hitsOf(before, event))) };
    case "final":
      return finished(before, event);
    case "words":
      return changed(before, event, (turn) => ({ ...turn, ...wordsOf(event) }));
    case "speaker_revision":
      return revised(before, event);
    case "keyword":
      return changed(before, event, (turn) => ({ ...turn, hits: withHit(turn.hits, event) }));
    case "gap":
      return withNote(before, noteOf("gap", event, event));
    case "dtmf":
      return withNote(before, noteOf("dtmf", event, at(event), event.digit));
    case "line":
      return withNote(before, noteOf("line", event, at(event), event.problem));
    case "turn_overlap":
      if (!event.interrupted) return before;
      return withNote(before, noteOf("interrupted", event, event, String(event.other_channel)));
    case "turn_ended":
      if (!event.backchannel) return before;
      return { ...before, signs: [...before.signs, keyOf(event)] };
    default:
      return before;
  }
}

/** The text of finished turns, one line each, for the clipboard. */
export function plainText(transcript: Pick<Transcript, "items">): string {
  const turns = transcript.items.filter((each) => each.kind === "turn");
  return turns.map(({ label, speaker, text }) => {
    const who = named(label, speaker);
    return who ? `${who}: ${text}` : text;
  }).join("\n");
}

interface OfUtterance {
  channel: number;
  label?: string | null;
  utterance: number;
}

function keyOf(event: OfUtterance): string {
  return `${event.channel}.${event.utterance}`;
}

function finished(before: Transcript, event: FinalMessage): Transcript {
  const key = keyOf(event);
  const open = before.open.filter((each) => each.key !== key);
  if (!event.text) return { ...before, open }; // the answer to a flush where nothing was open
  const turn = { ...turnOf(event, hitsOf(before, event)), final: true, ...wordsOf(event) };
  turn.pending = event.words_pending ?? false;
  turn.listens = before.signs.includes(key);
  turn.hidden = event.redacted?.length ?? 0;
  turn.speaker = event.speaker ?? null;
  const signs = before.signs.filter((each) => each !== key);
  return { items: inserted(before.items, turn), open, signs };
}

function turnOf(event: PartialMessage | FinalMessage, hits: readonly Hit[]): Turn {
  return {
    kind: "turn",
    key: keyOf(event),
    channel: event.channel,
    utterance: event.utterance,
    label: event.label ?? "",
    speaker: null,
    start: event.start,
    end: event.end,
    text: event.text,
    stable: event.stable,
    language: event.language,
    final: false,
    words: null,
    pending: false,
    unavailable: "",
    hits,
    listens: false,
    hidden: 0,
  };
}

type Timed = Pick<Turn, "words" | "pending" | "unavailable">;

function wordsOf(event: FinalMessage | WordsMessage): Timed {
  return { words: event.words ?? null, pending: false, unavailable: event.words_unavailable ?? "" };
}

/** Gives turns that were told before the speakers that are known now. */
function revised(before: Transcript, event: SpeakerRevisionMessage): Transcript {
  const { channel, utterances } = event;
  const speakers = new Map(utterances.map((each) => [keyOf({ channel, ...each }), each.speaker]));
  const items = before.items.map((each) => {
    const speaker = speakers.get(each.key);
    return each.kind === "turn" && speaker !== undefined ? { ...each, speaker } : each;
  });
  return { ...before, items };
}

function withNote(before: Transcript, note: Note): Transcript {
  return { ...before, items: inserted(before.items, note) };
}

function noteOf(
  kind: Note["kind"], event: Pick<OfUtterance, "channel" | "label">,
  { start, end }: Pick<Note, "start" | "end">, about = "",
): Note {
  const channel = event.channel;
  const key = `${kind}.${channel}.${start}`;
  return { kind, key, channel, label: event.label ?? "", start, end, about };
}

function at(event: { at: number }): Pick<Note, "start" | "end"> {
  return { start: event.at, end: event.at };
}

/** A keyword is told once, after the first text that has it: later texts of the turn keep it. */
function hitsOf(before: Transcript, event: OfUtterance): readonly Hit[] {
  const key = keyOf(event);
  return before.open.find((each) => each.key === key)?.hits ?? [];
}

function withHit(hits: readonly Hit[], { offset, text, keyword }: KeywordMessage): readonly Hit[] {
  return [...hits, { offset, text, keyword }];
}

function withOpen(open: readonly Turn[], turn: Turn): readonly Turn[] {
  const others = open.filter((each) => each.key !== turn.key);
  return [...others, turn].sort((a, b) => a.channel - b.channel || a.utterance - b.utterance);
}

/** Where legs overlap, turns end in another order than they begin. No item is added twice. */
function inserted(items: readonly Item[], item: Item): readonly Item[] {
  let place = items.length;
  while (place > 0 && items[place - 1]!.start > item.start) place--;
  if (items.some((each) => each.key === item.key)) return items;
  return items.toSpliced(place, 0, item);
}

function changed(before: Transcript, event: OfUtterance, change: (turn: Turn) => Turn): Transcript {
  const key = keyOf(event);
  const apply = <T extends Item>(each: T): T =>
    each.kind === "turn" && each.key === key ? (change(each) as T) : each;
  return { ...before, items: before.items.map(apply), open: before.open.map(apply) };
}
