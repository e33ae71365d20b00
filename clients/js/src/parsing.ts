import { CallscribeError } from "./errors.js";
import type { ReaderMessage, ServerMessage, SessionCreated } from "./messages.js";

const TYPES: Readonly<Record<(ServerMessage | ReaderMessage)["type"], true>> = {
  session_created: true,
  partial: true,
  final: true,
  words: true,
  speaker_revision: true,
  speech_started: true,
  speech_ended: true,
  turn_started: true,
  turn_eager_end: true,
  turn_resumed: true,
  turn_ended: true,
  turn_overlap: true,
  slot: true,
  gap: true,
  dtmf: true,
  line: true,
  keyword: true,
  audio_ack: true,
  lag: true,
  error: true,
  session_ended: true,
};

/**
 * Reads one message of the server; null for a type that this client does not know. Throws
 * `protocol` for anything but a JSON object with a type.
 */
export function parseMessage(data: unknown): ServerMessage | null {
  const wire = parseObject(data);
  if (!Object.hasOwn(TYPES, String(wire["type"]))) return null;
  if (wire["type"] === "session_created") checkCreated(wire);
  if (wire["type"] === "audio_ack" && !Number.isInteger(wire["position"])) {
    throw new CallscribeError("protocol", "the server sent an audio_ack without a position");
  }
  return wire as unknown as ServerMessage;
}

/** Reads one message to readers, as `parseMessage` does; each names its call. */
export function parseReaderMessage(data: unknown): ReaderMessage | null {
  const wire = parseObject(data);
  if (!Object.hasOwn(TYPES, String(wire["type"]))) return null;
  if (typeof wire["session_id"] !== "string") {
    throw new CallscribeError("protocol", "the server sent a message without its session_id");
  }
  return wire as unknown as ReaderMessage;
}

/** Reads a JSON object; throws `protocol` for anything else. */
function parseObject(data: unknown): Record<string, unknown> {
  let wire: unknown;
  try {
    wire = JSON.parse(String(data));
  } catch {
    wire = null;
  }
  if (typeof wire === "object" && wire !== null && !Array.isArray(wire)) {
    return wire as Record<string, unknown>;
  }
  const start = String(data).slice(0, 80);
  throw new CallscribeError("protocol", `the server sent no JSON object: ${start}`);
}

function checkCreated(wire: Record<string, unknown>): void {
  const { session_id, resume_token } = wire as Partial<SessionCreated>;
  if (typeof session_id !== "string" || typeof resume_token !== "string") {
    throw new CallscribeError("protocol", "the server sent an unusable session_created");
  }
}
