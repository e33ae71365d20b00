// Written by clients/js/generate_messages.py: do not edit.

/** Messages of the native protocol, `/ws/asr`; docs/protocol.md says what they mean. */

export type Encoding = "float32" | "pcm16" | "mulaw" | "alaw";

/** What a call may ask for beyond transcripts. */
export type EventName =
  | "speech_started"
  | "speech_ended"
  | "gap"
  | "dtmf"
  | "line"
  | "turn_started"
  | "turn_eager_end"
  | "turn_resumed"
  | "turn_ended"
  | "turn_overlap"
  | "slot"
  | "keyword"
  | "audio_ack"
  | "lag";

/** Options that a later `config` may change. */
export interface ChangeableOptions {
  /** Spoken language; null detects it. */
  language?: string | null;
  /** What is detected is one of these. */
  languages?: readonly string[];
  /** What the call is about. */
  context?: string;
  /** Words to expect. */
  keywords?: readonly string[];
  /** Wrong characters in a keyword's word, 0 to 2. */
  keyword_distance?: number;
  /** Probability that counts as speech, 0 to 1. */
  vad_threshold?: number;
  /** Silence that ends an utterance, 0.01 to 60 s. */
  silence_threshold?: number;
  /** Ends an utterance. */
  endpointing?: "silence" | "turn" | "bot" | "dictation" | "captions";
  /** Ends a sentence, 0.01 to 60 s. */
  min_turn_silence?: number | null;
  /** Most within a turn, 0.01 to 60 s. */
  max_turn_silence?: number | null;
  /** Announces the end of a turn, 0 to 1. */
  eager_threshold?: number;
  /** What is to be answered. */
  expect?: string;
  /** Speech to start an utterance, 0.01 to 60 s. */
  min_speech_duration?: number;
  /** Cuts an utterance, 2 to 300 s. */
  max_utterance?: number;
  /** Remove noise before recognising. */
  denoise?: boolean;
  /** Times of the words of finals. */
  words?: boolean;
  /** Send partials. */
  interim_results?: boolean;
  /** How numbers are written. */
  numbers?: "engine" | "spoken" | "digits" | "grouped";
  /** Hidden. */
  redact?: readonly ("numbers" | "pci" | "phone" | "ssn" | "iban" | "email" | "dob")[];
  /** What stands in its place. */
  redact_form?: "entity" | "last4";
  /** Record the audio. */
  record?: boolean;
}

/** The options of a call; what is left out is up to the server's settings. */
export interface CallOptions extends ChangeableOptions {
  /** First chunks, where partials start anew, 0 to 1000. */
  unfixed_chunk_num?: number;
  /** Last tokens that a decode may change, 0 to 1000. */
  unfixed_token_num?: number;
  /** Length of those chunks; sets no pace, 0.01 to 60 s. */
  chunk_size_sec?: number;
  /** Filter very noisy stretches further. */
  post_filter?: boolean | null;
  /** Most noise reduction, 0 to 100 dB. */
  attenuation_limit?: number | null;
  /** Tell speakers of one channel apart. */
  diarize?: boolean;
  /** A name of at most 128 characters for each channel. */
  channel_labels?: readonly string[];
  /** Joins calls that belong together. */
  conversation_id?: string;
  /** URL that gets the finals, at a host that the server allows. */
  webhook?: string;
  events?: readonly EventName[];
}

/** What the audio is; channels are interleaved. */
export interface AudioFormat {
  encoding: Encoding;
  /** Hz. */
  sample_rate: number;
  channels: 1 | 2;
}

/** One word of a final; `start` and `end` in seconds of audio, `probability` 0..1. */
export interface Word {
  word: string;
  start: number;
  end: number;
  probability: number;
  speaker?: number;
}

/** Seconds since the server had the last speech of an utterance. */
export interface Timing {
  endpoint: number;
  final: number;
}

/** What was hidden, such as `credit_card`, and where it is spoken, in s of audio. */
export interface Redaction {
  entity: string;
  start: number;
  end: number;
}

/** Where in an utterance one speaker speaks, in s of audio. */
export interface Stretch {
  speaker: number;
  start: number;
  end: number;
}

/** An earlier utterance of the channel, and who is known now to speak in it. */
export interface Respoken {
  utterance: number;
  speaker: number;
  speakers: readonly Stretch[];
}

/** The answer to a config that opens or resumes a call; other fields are for a resumed one. */
export interface SessionCreated {
  type: "session_created";
  /** 32 hexadecimal digits; the call's name in the logs. */
  session_id: string;
  /** Proves the right to resume this call: keep it secret; empty if it cannot be. */
  resume_token: string;
  /** As the client gave them. */
  channel_labels?: readonly string[];
  /** As the client gave them. */
  conversation_id?: string;
  /** What a preset in docs/protocol.md set, as it holds now, by option; left out without one. */
  options?: Readonly<Record<string, number>>;
  /** True. */
  resumed?: true;
  /** Frames (samples of each channel) at the call's `sample_rate` since it began. */
  position?: number;
  /** Rises over all `final` and `words` messages of both channels; numbers may be missing. In `session_created`: the last one of the call. */
  seq?: number;
  /** Number of the last text message after the first `config` that took effect. */
  controls?: number;
  /** True: the call accepts nothing more; its last results follow, then 1000. Else left out. */
  ended?: true;
}

/** The open utterance's text so far; its first `stable` characters will not change. */
export interface PartialMessage {
  type: "partial";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** Leading characters (Unicode code points) of `text` that later partials keep. */
  stable: number;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** An utterance's definitive text; `seq` rises over the finals and words of the call. */
export interface FinalMessage {
  type: "final";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** Leading characters (Unicode code points) of `text` that later partials keep. */
  stable: number;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
  /** Rises over all `final` and `words` messages of both channels; numbers may be missing. In `session_created`: the last one of the call. */
  seq: number;
  /** Always true. */
  is_speech_final: true;
  /** List of objects with `word`, `start`, `end` (s of audio), `probability` (0 to 1) and, where it is known, `speaker`; null: see Word times in docs/protocol.md. Not in an empty final. */
  words?: readonly Word[] | null;
  /** True: a `words` message for this utterance follows. Otherwise left out. */
  words_pending?: true;
  /** Why there will be no `words`, for people; otherwise left out. */
  words_unavailable?: string;
  /** How sure a detected language is, 0 to 1; left out where it was told, and with Qwen3-ASR. */
  language_confidence?: number;
  /** `endpoint` and `final`: s from when the last speech was received until the audio was that decided the end, and until this message was sent; left out where audio came faster than it was spoken. */
  timing?: Timing;
  /** List of objects with `entity`, `start` and `end` (s of audio): what the text has masks for; left out where it has none. */
  redacted?: readonly Redaction[];
  /** Who says the most of it, from 0; left out where nobody is known. */
  speaker?: number;
  /** List of objects with `speaker`, `start` and `end` (s of audio): who speaks where; left out where nobody is known. */
  speakers?: readonly Stretch[];
}

/** The words of a final with `words_pending`; or `words_unavailable` says why there are none. */
export interface WordsMessage {
  type: "words";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** Rises over all `final` and `words` messages of both channels; numbers may be missing. In `session_created`: the last one of the call. */
  seq: number;
  /** List of objects with `word`, `start`, `end` (s of audio), `probability` (0 to 1) and, where it is known, `speaker`; null: see Word times in docs/protocol.md. Not in an empty final. */
  words: readonly Word[] | null;
  /** Why there will be no `words`, for people; otherwise left out. */
  words_unavailable?: string;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** It is known better who said earlier finals; `revision` counts these of the channel from 1. */
export interface SpeakerRevisionMessage {
  type: "speaker_revision";
  /** 0 or 1. */
  channel: number;
  /** Counts the channel's corrections, from 1. */
  revision: number;
  /** List of objects with `utterance`, `speaker` and `speakers`, as they are now. */
  utterances: readonly Respoken[];
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** Speech from `start` on (the pre-roll included), decided once `at` had been heard. */
export interface SpeechStartedMessage {
  type: "speech_started";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** The endpoint of an utterance, decided once `at` had been heard. */
export interface SpeechEndedMessage {
  type: "speech_ended";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** `silence`, `flush`, `finish` (finalize or hang-up), `length` (max_utterance), `gap`, `failed` (not recognised). */
  reason: string;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A speaker has said the first words of a turn, which begins at `start`. */
export interface TurnStartedMessage {
  type: "turn_started";
  /** 0 or 1. */
  channel: number;
  /** Number of the turn's first utterance. */
  turn: number;
  /** Counts the messages about a turn, from 1. */
  step: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** That the turn is over, 0 to 1: how much of the silence that ends it has passed, 0.7 at its end, 1 for a flush; of a `slot`, that of each character of its value. */
  confidence: number;
  /** The turn so far is no more than a listener's sign, see interruptions in docs/protocol.md. */
  backchannel: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** s of speech in the turn so far, its pauses left out; left out where it is not known. */
  voiced?: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A turn is likely over: an answer may be prepared, until `TurnResumed` takes this back. */
export interface TurnEagerEndMessage {
  type: "turn_eager_end";
  /** 0 or 1. */
  channel: number;
  /** Number of the turn's first utterance. */
  turn: number;
  /** Counts the messages about a turn, from 1. */
  step: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** That the turn is over, 0 to 1: how much of the silence that ends it has passed, 0.7 at its end, 1 for a flush; of a `slot`, that of each character of its value. */
  confidence: number;
  /** The turn so far is no more than a listener's sign, see interruptions in docs/protocol.md. */
  backchannel: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** What the end of the text says: closed, doubted, open, spelled, unmarked, unknown, nothing; of an expected answer, filled or awaited. */
  evidence: string;
  /** s of speech in the turn so far, its pauses left out; left out where it is not known. */
  voiced?: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A turn whose end was announced goes on, or has another text. */
export interface TurnResumedMessage {
  type: "turn_resumed";
  /** 0 or 1. */
  channel: number;
  /** Number of the turn's first utterance. */
  turn: number;
  /** Counts the messages about a turn, from 1. */
  step: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** That the turn is over, 0 to 1: how much of the silence that ends it has passed, 0.7 at its end, 1 for a flush; of a `slot`, that of each character of its value. */
  confidence: number;
  /** The turn so far is no more than a listener's sign, see interruptions in docs/protocol.md. */
  backchannel: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** s of speech in the turn so far, its pauses left out; left out where it is not known. */
  voiced?: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A turn is over, with its definitive text; `reason` as in `SpeechEnded`. */
export interface TurnEndedMessage {
  type: "turn_ended";
  /** 0 or 1. */
  channel: number;
  /** Number of the turn's first utterance. */
  turn: number;
  /** Counts the messages about a turn, from 1. */
  step: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** English name, or null when nothing was recognised. */
  language: string | null;
  /** That the turn is over, 0 to 1: how much of the silence that ends it has passed, 0.7 at its end, 1 for a flush; of a `slot`, that of each character of its value. */
  confidence: number;
  /** The turn so far is no more than a listener's sign, see interruptions in docs/protocol.md. */
  backchannel: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** What the end of the text says: closed, doubted, open, spelled, unmarked, unknown, nothing; of an expected answer, filled or awaited. */
  evidence: string;
  /** `silence`, `flush`, `finish` (finalize or hang-up), `length` (max_utterance), `gap`, `failed` (not recognised). */
  reason: string;
  /** s of speech in the turn so far, its pauses left out; left out where it is not known. */
  voiced?: number;
  /** The mean `probability` of the turn's words; left out where the recogniser does not time words, or `words` is false. */
  word_confidence?: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** `turn` came into a turn of the other channel; both were heard from `start` to `end`. */
export interface TurnOverlapMessage {
  type: "turn_overlap";
  /** 0 or 1. */
  channel: number;
  /** Number of the turn's first utterance. */
  turn: number;
  /** The turn that another came into. */
  other_channel: number;
  /** The turn that another came into. */
  other_turn: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The turn so far is no more than a listener's sign, see interruptions in docs/protocol.md. */
  backchannel: boolean;
  /** The speaker of `other_turn` stopped for it. */
  interrupted: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** What of an expected answer was said so far, in the utterances from `slot` to `utterance`. */
export interface SlotMessage {
  type: "slot";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** Number of the answer's first utterance. */
  slot: number;
  /** The kind of answer; what was said, empty for nothing of it. */
  expected: string;
  /** The kind of answer; what was said, empty for nothing of it. */
  value: string;
  /** The texts of the answer's utterances. */
  raw: string;
  /** Whether the value is as expected. */
  valid: boolean;
  /** Whether nothing can come behind it. */
  complete: boolean;
  /** The utterance is over; false: told in a pause, because the answer is complete. */
  is_final: boolean;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The name that `expect` gives to it. */
  question?: string;
  /** That the turn is over, 0 to 1: how much of the silence that ends it has passed, 0.7 at its end, 1 for a flush; of a `slot`, that of each character of its value. */
  confidence?: readonly number[];
  /** Other values that would be valid, at most three. */
  alternatives?: readonly string[];
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** Audio from `start` to `end` never reached the recogniser. */
export interface GapMessage {
  type: "gap";
  /** 0 or 1. */
  channel: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A DTMF digit was signalled at `at`. */
export interface DtmfMessage {
  type: "dtmf";
  /** 0 or 1. */
  channel: number;
  /** One of `0123456789ABCD*#`; `[DIGIT]` where `redact` hides numbers. */
  digit: string;
  /** s of audio that were needed to decide this. */
  at: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** Speech was too quiet for its line ("low_level") or too loud ("clipping"), noticed at `at`. */
export interface LineTroubleMessage {
  type: "line";
  /** 0 or 1. */
  channel: number;
  /** Of the line in docs/protocol.md: `low_level` or `clipping`. */
  problem: string;
  /** s of audio that were needed to decide this. */
  at: number;
  /** That of the speech, in dBFS: 0 is full scale. */
  level: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** A keyword was said: once for each time, after the partial or final that it stands in. */
export interface KeywordMessage {
  type: "keyword";
  /** 0 or 1. */
  channel: number;
  /** Number within its channel, from 1; a number is missing where it was no speech. */
  utterance: number;
  /** As the option `keywords` spells it. */
  keyword: string;
  /** The whole utterance so far, not an addition; of a turn, all that was said in it; of a `keyword`, as the utterance spells it. */
  text: string;
  /** Characters (Unicode code points) of the utterance's text before the `keyword`. */
  offset: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  start: number;
  /** s of audio. Of a `partial`, `end` is how far its text reaches. */
  end: number;
  /** s since 1970 by the gateway's clock. */
  timestamp: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** An error; the call goes on unless the server closes it right after. */
export interface ErrorMessage {
  type: "error";
  /** For programs; for people. */
  code: string;
  /** For programs; for people. */
  message: string;
  /** s after which a refused call may be tried again; otherwise left out. */
  retry_after?: number;
  /** s that the call waits for its client; only with `going_away`. */
  resume_within?: number;
}

/** The recogniser is `seconds` of audio behind; sent only while that is much. */
export interface LagMessage {
  type: "lag";
  /** 0 or 1. */
  channel: number;
  /** s of audio. */
  seconds: number;
  /** The channel's, where `channel_labels` gave it one. */
  label?: string;
}

/** The server has stored all audio before frame `position`, at the call's sample rate. */
export interface AudioAckMessage {
  type: "audio_ack";
  /** Frames (samples of each channel) at the call's `sample_rate` since it began. */
  position: number;
}

export type ServerMessage =
  | SessionCreated
  | PartialMessage
  | FinalMessage
  | WordsMessage
  | SpeakerRevisionMessage
  | SpeechStartedMessage
  | SpeechEndedMessage
  | TurnStartedMessage
  | TurnEagerEndMessage
  | TurnResumedMessage
  | TurnEndedMessage
  | TurnOverlapMessage
  | SlotMessage
  | GapMessage
  | DtmfMessage
  | LineTroubleMessage
  | KeywordMessage
  | ErrorMessage
  | LagMessage
  | AudioAckMessage;

/** What a call is, for its readers; the first message of each call. */
export interface ReaderSessionCreated {
  type: "session_created";
  session_id: string;
  /** The name that the call's client gave it. */
  name?: string;
  channels: number;
  channel_labels?: readonly string[];
  conversation_id?: string;
  /** s since 1970. */
  started: number;
}

/** Nothing more comes of this call. */
export interface SessionEndedMessage {
  type: "session_ended";
}

/** What readers of a call get of it. */
export type ReaderEvent =
  | PartialMessage
  | FinalMessage
  | WordsMessage
  | SpeakerRevisionMessage
  | SpeechStartedMessage
  | SpeechEndedMessage
  | TurnStartedMessage
  | TurnEagerEndMessage
  | TurnResumedMessage
  | TurnEndedMessage
  | TurnOverlapMessage
  | SlotMessage
  | GapMessage
  | DtmfMessage
  | LineTroubleMessage
  | KeywordMessage
  | ErrorMessage
  | SessionEndedMessage;

/** Each message names its call. */
export type ReaderMessage =
  | ReaderSessionCreated
  | (ReaderEvent & { readonly session_id: string; readonly conversation_id?: string });

/** Codes of the server's errors, and of its answers 401 and 403. */
export const ERROR_CODES = [
  "invalid_json",
  "not_an_object",
  "message_too_long",
  "message_rate",
  "unknown_type",
  "audio_before_config",
  "config_expected",
  "unknown_option",
  "invalid_option",
  "unknown_language",
  "resume_unknown",
  "resuming",
  "resume_expected",
  "resumed_elsewhere",
  "open_timeout",
  "option_fixed",
  "audio_format_fixed",
  "finalized",
  "truncated_sample",
  "invalid_audio",
  "utterance_failed",
  "denoise_unavailable",
  "silent",
  "unavailable",
  "at_capacity",
  "going_away",
  "erased",
  "webhook_refused",
  "recording_refused",
  "revoked_key",
  "key_audio",
  "key_calls",
  "spent_token",
  "session_lost",
  "unfinished",
  "internal_error",
  "missing_key",
  "unknown_key",
  "expired_key",
  "unknown_token",
  "expired_token",
  "scope",
  "origin",
  "signature",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Those after which a call that was created goes on. */
export const WARNING_CODES = [
  "invalid_json",
  "not_an_object",
  "unknown_type",
  "unknown_option",
  "invalid_option",
  "unknown_language",
  "option_fixed",
  "audio_format_fixed",
  "finalized",
  "truncated_sample",
  "utterance_failed",
  "denoise_unavailable",
  "silent",
  "key_audio",
] as const satisfies readonly ErrorCode[];
