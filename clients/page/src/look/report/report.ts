import type { Step } from "../connection/steps.js";
import type { Results } from "../formats/matrix.js";
import type { Health } from "../health/facts.js";
import type { Seen } from "../health/watch.js";
import { summary } from "../load/measured.js";
import type { LoadResult } from "../load/measured.js";
import type { MessageLog } from "../messages/log.js";
import { bars } from "../trace/trace.js";
import type { Traced } from "../trace/trace.js";

/** All that the page knows and a report may be made of. */
export interface Facts {
  readonly origin: string;
  readonly browser: string;
  /** ms since 1970. */
  readonly at: number;
  readonly seen: Seen;
  readonly connection: readonly Step[];
  readonly formats: Results;
  readonly load: LoadResult | null;
  readonly trace: readonly Traced[];
  readonly log: MessageLog;
}

/** Fields of messages that hold neither words nor names nor secrets, at whatever depth. */
const HARMLESS = new Set([
  "type",
  "channel",
  "utterance",
  "start",
  "end",
  "at",
  "timestamp",
  "seq",
  "stable",
  "position",
  "controls",
  "ended",
  "resumed",
  "seconds",
  "reason",
  "code",
  "retry_after",
  "resume_within",
  "timing",
  "endpoint",
  "final",
  "is_speech_final",
  "words_pending",
  "interim_results",
  "words",
  "encoding",
  "sample_rate",
  "channels",
  "events",
  "denoise",
  "post_filter",
  "attenuation_limit",
  "vad_threshold",
  "silence_threshold",
  "min_speech_duration",
  "max_utterance",
  "keyword_distance",
  "unfixed_chunk_num",
  "unfixed_token_num",
  "chunk_size_sec",
  "language",
  "attempt",
  "offset",
]);
/** Fields whose values are hidden; of a field that is none of all these, the name is hidden too. */
const PRIVATE = new Set([
  "text",
  "label",
  "message",
  "context",
  "keyword",
  "conversation_id",
  "session_id",
  "webhook",
  "resume",
  "resume_token",
  "words_unavailable",
  "digit",
  "name",
]);
/** Of these only how many there are is told: their elements are words. */
const COUNTED = new Set(["words", "keywords", "channel_labels"]);
const PLAIN = /^[a-z0-9_]{1,40}$/;
const LANGUAGE = /^[A-Za-z]{2,20}$/;

/**
 * Returns a report for support: versions, health, what was measured, and the messages.
 *
 * Unless `words` is set, nothing is in it that anyone said, wrote or is called: of texts only their
 * length remains, of lists of words their number. Tokens are never in it, nor an address beyond the
 * page's own origin.
 */
export function report(facts: Facts, words: boolean): Record<string, unknown> {
  const { health, refused, endpointToFinal, reachable } = facts.seen;
  return {
    made: new Date(facts.at).toISOString(),
    origin: facts.origin,
    browser: facts.browser,
    with_words: words,
    server: {
      reachable,
      health: health && anonymous(health),
      refused,
      endpoint_to_final_s: endpointToFinal,
    },
    connection: facts.connection.map((each) => (words ? each : { ...each, said: code(each.said) })),
    formats: [...facts.formats].map(([format, tried]) => ({
      format,
      ...tried,
      said: words ? tried.said : hidden(tried.said),
    })),
    load: facts.load && loadOf(facts.load, words),
    trace: bars(facts.trace, true).map(({ traced, pieces, total }) => ({
      channel: traced.channel,
      utterance: traced.utterance,
      start: traced.start,
      end: traced.end,
      reason: traced.reason,
      total_ms: total,
      parts_ms: Object.fromEntries(pieces.map(({ part, ms }) => [part, ms])),
    })),
    messages: {
      dropped: facts.log.dropped,
      lines: facts.log.lines.map(({ direction, at, type, text, count, bytes }) => ({
        direction,
        at,
        type: words || PLAIN.test(type) ? type : "text",
        ...(type === "audio" && !text ? { count, bytes } : { message: messageOf(text, words) }),
      })),
    },
  };
}

/** A gateway's name begins with that of its host. */
function anonymous({ gateway: _, ...health }: Health): Omit<Health, "gateway"> {
  return health;
}

function loadOf(load: LoadResult, words: boolean): Record<string, unknown> {
  const { latencies, said, ...counts } = load;
  return {
    ...counts,
    said: words ? said : code(said),
    latency_s: summary(load),
    finals: latencies.length,
  };
}

/** Keeps a code or a count, such as `asr_load` or `9/9`, and hides what may be a sentence. */
function code(said: string): string {
  return !said || PLAIN.test(said) || /^\d+\/\d+$/.test(said) ? said : hidden(said);
}

function messageOf(text: string, words: boolean): unknown {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return words ? text : hidden(text);
  }
  return words ? message : harmless(message);
}

function harmless(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) {
    if (COUNTED.has(name)) return `${value.length} of them`;
    return value.map((each) => harmless(each, name));
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value);
    const told = fields.filter(
      ([key]) => HARMLESS.has(key) || COUNTED.has(key) || PRIVATE.has(key),
    );
    const others = fields.length - told.length;
    return {
      ...Object.fromEntries(
        told.map(([key, each]) => [key, PRIVATE.has(key) ? hidden(each) : harmless(each, key)]),
      ),
      ...(others ? { hidden_fields: others } : {}),
    };
  }
  if (typeof value !== "string") return value;
  const shown =
    name === "language" ? LANGUAGE.test(value) : HARMLESS.has(name) && PLAIN.test(value);
  return shown ? value : hidden(value);
}

/** What remains of what is not told. */
function hidden(value: unknown): string {
  if (typeof value === "string") return `hidden, ${[...value].length} characters`;
  return "hidden";
}
