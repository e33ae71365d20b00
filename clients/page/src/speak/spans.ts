import type { CallEvent } from "callscribe";

import { SHOWN_S } from "./peaks.js";

/** Speech of one leg; all times are seconds of audio. */
export interface Span {
  channel: number;
  utterance: number;
  start: number;
  /** null while it goes on. */
  end: number | null;
  /** What had been heard when the end was decided. */
  decided: number;
  reason: string;
}

/** The spans of speech after an event; those that no longer show at `now` are left out. */
export function spansAfter(
  before: readonly Span[], event: CallEvent, now: number,
): readonly Span[] {
  if (event.type !== "speech_started" && event.type !== "speech_ended") return before;
  const { channel, utterance } = event;
  const others = before.filter((each) => each.channel !== channel || each.utterance !== utterance);
  const known = others.length < before.length;
  if (event.type === "speech_started" && known) return before; // told again after resuming
  const ended = event.type === "speech_ended";
  const span: Span = {
    channel,
    utterance,
    start: event.start,
    end: ended ? event.end : null,
    decided: event.at,
    reason: ended ? event.reason : "",
  };
  return [...others, span].filter((each) => each.end === null || each.decided > now - SHOWN_S);
}
