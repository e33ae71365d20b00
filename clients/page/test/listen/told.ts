import type {
  ReaderMessage,
  ReaderSessionCreated,
  Redaction,
  SlotMessage,
  TurnOverlapMessage,
} from "callscribe";

/** Messages as a reader gets them, with what a test does not care for filled in. */

export const CALL = "c".repeat(32);

export function created(facts: Partial<ReaderSessionCreated> = {}): ReaderSessionCreated {
  return {
    type: "session_created",
    session_id: CALL,
    channels: 2,
    channel_labels: ["agent", "caller"],
    started: 1_000,
    ...facts,
  };
}

const SAID = { language: "English", timestamp: 1_000 };

interface Place {
  session_id?: string;
  channel?: number;
}

export function partial(
  utterance: number,
  start: number,
  end: number,
  text: string,
  more: Place & { stable?: number } = {},
): ReaderMessage {
  const said = { session_id: CALL, channel: 0, utterance, start, end, text, stable: 0, ...SAID };
  return { type: "partial", ...said, ...more };
}

export function final(
  utterance: number,
  start: number,
  end: number,
  text: string,
  more: Place & { seq?: number; speaker?: number; redacted?: readonly Redaction[] } = {},
): ReaderMessage {
  const said = { session_id: CALL, channel: 0, utterance, start, end, text, stable: 0, ...SAID };
  return { type: "final", is_speech_final: true, seq: utterance, ...said, ...more };
}

export function keyword(utterance: number, word: string, offset: number): ReaderMessage {
  const place = { session_id: CALL, channel: 0, utterance, start: 0, end: 1, timestamp: 1_000 };
  return { type: "keyword", ...place, keyword: word, text: word, offset };
}

export function revision(number: number, speakers: Record<number, number>): ReaderMessage {
  const utterances = Object.entries(speakers).map(([utterance, speaker]) => ({
    utterance: Number(utterance),
    speaker,
    speakers: [{ speaker, start: 0, end: 1 }],
  }));
  const place = { session_id: CALL, channel: 0, timestamp: 1_000 };
  return { type: "speaker_revision", ...place, revision: number, utterances };
}

export function started(utterance: number, start: number, at: number): ReaderMessage {
  const place = { session_id: CALL, channel: 0, utterance, timestamp: 1_000 };
  return { type: "speech_started", ...place, start, at };
}

export function turnEnded(utterance: number, backchannel: boolean): ReaderMessage {
  const place = { session_id: CALL, channel: 0, utterance, turn: utterance, start: 0, end: 1 };
  const said = { step: 2, at: 1, text: "Mm-hm.", confidence: 0.7, ...SAID };
  return { type: "turn_ended", ...place, ...said, backchannel, evidence: "closed", reason: "flush" };
}

export function slot(fields: Partial<SlotMessage>): ReaderMessage {
  const place = { session_id: CALL, channel: 1, utterance: 1, start: 1, end: 2, timestamp: 1_000 };
  const said = { slot: 1, expected: "digits", value: "", raw: "four two", valid: true };
  return { type: "slot", ...place, ...said, complete: true, is_final: true, ...fields };
}

export function overlap(fields: Partial<TurnOverlapMessage>): ReaderMessage {
  const who = { channel: 1, turn: 2, other_channel: 0, other_turn: 1 };
  const place = { session_id: CALL, start: 1, end: 2, at: 3, timestamp: 1_000 };
  return { type: "turn_overlap", ...who, ...place, backchannel: false, interrupted: false, ...fields };
}

export const ENDED: ReaderMessage = { type: "session_ended", session_id: CALL };
