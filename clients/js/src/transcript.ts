import type {
  FinalMessage,
  PartialMessage,
  Respoken,
  ServerMessage,
  Stretch,
  Word,
} from "./messages.js";

/** What was said so far, as a page shows it. */
export interface Transcript {
  /** The open utterance of each channel. */
  readonly partials: ReadonlyMap<number, PartialMessage>;
  /** Those with a text, in their order; late words are in their final. */
  readonly finals: readonly FinalMessage[];
}

export const NOTHING_SAID: Transcript = { partials: new Map(), finals: [] };

/** Returns the transcript after a message: the same one where it changes nothing; pure. */
export function heard(transcript: Transcript, message: ServerMessage): Transcript {
  const { partials, finals } = transcript;
  switch (message.type) {
    case "partial":
      return { finals, partials: new Map(partials).set(message.channel, message) };
    case "final": {
      const open = new Map(partials);
      if ((open.get(message.channel)?.utterance ?? Infinity) <= message.utterance) {
        open.delete(message.channel);
      }
      return { partials: open, finals: message.text === "" ? finals : [...finals, message] };
    }
    case "words": {
      const { channel, utterance, words } = message;
      const isIts = (final: FinalMessage): boolean =>
        final.channel === channel && final.utterance === utterance;
      return { partials, finals: finals.map((each) => (isIts(each) ? { ...each, words } : each)) };
    }
    case "speaker_revision": {
      const told = new Map(message.utterances.map((each) => [each.utterance, each]));
      const revised = finals.map((final) => {
        const now = final.channel === message.channel ? told.get(final.utterance) : undefined;
        return now === undefined ? final : spokenBy(final, now);
      });
      return { partials, finals: revised };
    }
    default:
      return transcript;
  }
}

/** Returns a final with other speakers, and its words with them. */
function spokenBy(final: FinalMessage, { speaker, speakers }: Respoken): FinalMessage {
  if (final.words === undefined || final.words === null) return { ...final, speaker, speakers };
  const words = final.words.map((word) => ({ ...word, speaker: speakerAt(speakers, word) }));
  return { ...final, speaker, speakers, words };
}

/** Returns who says a word: who speaks nearest to its middle, as the server decides it. */
function speakerAt(speakers: readonly Stretch[], word: Word): number {
  const middle = (word.start + word.end) / 2;
  const away = (each: Stretch): number => Math.max(each.start - middle, middle - each.end, 0);
  return speakers.reduce((one, other) => (away(other) < away(one) ? other : one)).speaker;
}
