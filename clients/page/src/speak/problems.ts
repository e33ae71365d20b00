import type { CallscribeError, ErrorMessage } from "callscribe";

import { strings } from "../strings.js";
import { CHANGEABLE, type ChangeableName } from "./settings.js";

/** A failure in plain words: what happened, what to do, and the words of the program itself. */
export interface Problem {
  what: string;
  todo: string;
  detail: string;
}

const ABOUT_OPTIONS = [
  "invalid_option", "unknown_option", "option_fixed", "webhook_refused", "recording_refused",
];
const LOST = ["resume_unknown"];
const OF_KEYS = ["missing_key", "unknown_key", "revoked_key", "expired_key"];
const OF_TOKENS = ["unknown_token", "expired_token", "spent_token"];

/** What a failure means to who speaks. */
export function problemOf(error: Pick<CallscribeError, "code" | "message">): Problem {
  const { failures } = strings.speak;
  const code = ABOUT_OPTIONS.includes(error.code) ? "option"
    : LOST.includes(error.code) ? "session_lost"
    : OF_KEYS.includes(error.code) ? "key"
    : OF_TOKENS.includes(error.code) ? "token" : error.code;
  const [what, todo] = failures[Object.hasOwn(failures, code) ? (code as "other") : "other"];
  return { what, todo, detail: error.message };
}

const REFUSALS = ["invalid_option", "unknown_option", "option_fixed", "unknown_language"];

/** The options whose change an error refuses; null when it is about something else. */
export function refusedBy(error: ErrorMessage): ChangeableName[] | null {
  if (!REFUSALS.includes(error.code)) return null;
  if (error.code === "unknown_language") return ["language"];
  const subject = error.message.split(" cannot ")[0]!; // what follows lists those that could
  return CHANGEABLE.filter((name) => new RegExp(`\\b${name}\\b`).test(subject));
}

/** Why a change was refused, to stand beside its control. */
export function refusalText(error: ErrorMessage): string {
  // The server's message lists every language.
  return error.code === "unknown_language" ? strings.speak.options.unknownLanguage : error.message;
}

/** What a warning says to who speaks. */
export function warningText(error: ErrorMessage): string {
  const { warnings } = strings.speak;
  if (error.code === "denoise_unavailable") return warnings.denoise_unavailable;
  if (error.code === "utterance_failed") return warnings.utterance_failed;
  return warnings.other(error.message);
}
