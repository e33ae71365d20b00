import type {
  DtmfMessage,
  ErrorMessage,
  FinalMessage,
  KeywordMessage,
  LineTroubleMessage,
  PartialMessage,
  SpeakerRevisionMessage,
  SpeechEndedMessage,
  TurnOverlapMessage,
  TurnStartedMessage,
  WordsMessage,
} from "../src/messages.js";

const PLACE = { channel: 0, utterance: 1, start: 0, end: 1, timestamp: 0 };

export function partial(fields: Partial<PartialMessage> = {}): PartialMessage {
  return { type: "partial", ...PLACE, text: "a", stable: 0, language: null, ...fields };
}

export function final(fields: Partial<FinalMessage> = {}): FinalMessage {
  const said = { text: "a", stable: 1, language: null, seq: 1, is_speech_final: true as const };
  return { type: "final", ...PLACE, ...said, ...fields };
}

export function words(fields: Partial<WordsMessage> = {}): WordsMessage {
  return { type: "words", ...PLACE, seq: 2, words: [], ...fields };
}

export function revision(
  utterances: SpeakerRevisionMessage["utterances"],
  channel = 0,
): SpeakerRevisionMessage {
  return { type: "speaker_revision", timestamp: 0, channel, revision: 1, utterances };
}

export function speechEnded(fields: Partial<SpeechEndedMessage> = {}): SpeechEndedMessage {
  return { type: "speech_ended", ...PLACE, at: 2, reason: "silence", ...fields };
}

export function turnStarted(fields: Partial<TurnStartedMessage> = {}): TurnStartedMessage {
  const turn = { turn: 1, step: 1, at: 2, text: "a", language: null, confidence: 0 };
  return { type: "turn_started", ...PLACE, ...turn, backchannel: false, ...fields };
}

export function turnOverlap(fields: Partial<TurnOverlapMessage> = {}): TurnOverlapMessage {
  const who = { channel: 0, turn: 2, other_channel: 1, other_turn: 1 };
  const place = { start: 1, end: 2, at: 3, timestamp: 0 };
  const what = { backchannel: false, interrupted: true };
  return { type: "turn_overlap", ...who, ...place, ...what, ...fields };
}

export function keyword(fields: Partial<KeywordMessage> = {}): KeywordMessage {
  return { type: "keyword", ...PLACE, keyword: "a b", text: "A b", offset: 0, ...fields };
}

export function line(fields: Partial<LineTroubleMessage> = {}): LineTroubleMessage {
  return { type: "line", channel: 0, problem: "low_level", at: 2, level: -75, ...fields };
}

export function dtmf(fields: Partial<DtmfMessage> = {}): DtmfMessage {
  return { type: "dtmf", channel: 0, digit: "5", at: 2, ...fields };
}

export function error(code: string, message = "why"): ErrorMessage {
  return { type: "error", code, message };
}
