import { CallscribeError, isErrorCode } from "./errors.js";
import type { ErrorMessage } from "./messages.js";

// RFC 6455, 7.4.1, and its registry.
const NORMAL_CLOSURE = 1000;
const INTERNAL_ERROR = 1011;
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;
/**
 * Going away, no code, abnormal closure, internal error, bad gateway: no objection to what was
 * sent. Servers' WebSocket libraries also send 1011 to a client that answers no ping.
 */
const PASSING_CLOSES: readonly number[] = [1001, 1005, 1006, INTERNAL_ERROR, 1014];
/** Codes of errors that end a connection but allow resuming. */
export const PASSING_ERRORS: readonly string[] = [
  "going_away",
  "unavailable",
  "at_capacity",
  "internal_error",
];
const NO_SUCH_CALL: readonly string[] = ["resume_unknown", "session_lost"];
/** Failures of one connection after which the call may go on at another one. */
const PASSING_FAILURES: readonly string[] = [
  "disconnected",
  "refused",
  "going_away",
  "unavailable",
  "at_capacity",
];
/** Seconds to wait after a refusal that did not say how long. */
export const RETRY_AFTER_S = 5;

/** Whether another attempt, at the same server or another one, may succeed. */
export function isPassing(failure: CallscribeError): boolean {
  return PASSING_FAILURES.includes(failure.code);
}

/**
 * Returns the failure that the end of a connection means, null for an orderly end; pure. `said` is
 * the server's last error on it: after a fatal one the server closes with its code as reason.
 */
export function closingFailure(
  close: number,
  reason: string,
  said: ErrorMessage | null,
): CallscribeError | null {
  if (close === NORMAL_CLOSURE) return null;
  const fatal = said !== null && (reason === "" || reason === said.code) ? said : null;
  const word = fatal?.code ?? reason;
  const text = fatal?.message ?? reason;
  if (NO_SUCH_CALL.includes(word)) return new CallscribeError("session_lost", text);
  if (word === "resumed_elsewhere") {
    return new CallscribeError("resumed_elsewhere", "another connection has resumed the call");
  }
  if (close === TRY_AGAIN_LATER) {
    const wait = fatal?.retry_after ?? RETRY_AFTER_S;
    const code = word === "unavailable" ? word : "at_capacity";
    return new CallscribeError(code, text || "the server refuses the call for now", wait);
  }
  if (close === SERVICE_RESTART) {
    const text = "the server restarts; another one may take the call";
    return new CallscribeError("going_away", text);
  }
  const final =
    close === INTERNAL_ERROR && fatal !== null && !PASSING_ERRORS.includes(fatal.code);
  // A client that was suspended read too slowly; now it does not.
  if ((PASSING_CLOSES.includes(close) && !final) || word === "slow_consumer") {
    const why = text || `close code ${close}`;
    return new CallscribeError("disconnected", `the connection to the server broke: ${why}`);
  }
  const code = isErrorCode(word) ? word : "protocol";
  const why = text || `the server ended the call with close code ${close}`;
  return new CallscribeError(code, why, fatal?.retry_after);
}
