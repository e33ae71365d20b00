import type { FinalMessage, PartialMessage, ServerMessage } from "./messages.js";

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
    default:
      return transcript;
  }
}
