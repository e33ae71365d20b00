import { ERROR_CODES, type ErrorCode } from "./messages.js";

/** Codes of failures on this side; the server's own are `ErrorCode`. README.md says what to do. */
export type ClientErrorCode =
  | "permission_denied"
  | "device_not_found"
  | "device_busy"
  | "device_lost"
  | "audio_unavailable"
  | "insecure_context"
  | "file_undecodable"
  | "overrun"
  | "refused"
  | "disconnected"
  | "session_lost"
  | "resumed_elsewhere"
  | "unknown_call"
  | "wrong_address"
  | "misuse"
  | "protocol";

const RETRYABLE: readonly string[] = [
  "at_capacity",
  "unavailable",
  "going_away",
  "internal_error",
  "key_audio",
  "key_calls",
  "refused",
  "disconnected",
  "device_busy",
];

/** Why a call failed, or what a program did wrong (`misuse`). */
export class CallscribeError extends Error {
  override readonly name = "CallscribeError";
  /** For programs; `message` is for people. */
  readonly code: ErrorCode | ClientErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Seconds to wait before that, if a server said so. */
  declare readonly retryAfterS?: number;

  constructor(code: ErrorCode | ClientErrorCode, message: string, retryAfterS?: number) {
    super(message);
    this.code = code;
    this.retryable = RETRYABLE.includes(code);
    if (retryAfterS !== undefined) this.retryAfterS = retryAfterS;
  }
}

export function isErrorCode(word: string): word is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(word);
}

/** Returns `error` itself, or a failure with `code` in place of an error of another kind. */
export function asFailure(error: unknown, code: ClientErrorCode): CallscribeError {
  if (error instanceof CallscribeError) return error;
  return new CallscribeError(code, error instanceof Error ? error.message : String(error));
}
