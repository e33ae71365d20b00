import { callInProgress } from "../call_in_progress.js";
import { access, deny } from "./access.js";

/** Codes of failures that mean the key, and not only the token of one call. */
const OF_KEYS: readonly string[] = ["missing_key", "unknown_key", "revoked_key", "expired_key"];

/** Notes when a call ends because its key does not count any more. */
export function watchCalls(): void {
  callInProgress.subscribe((call) => {
    const { key } = access.value;
    call?.on("state", (state) => {
      const failure = state === "failed" ? call.failure : null;
      if (failure && OF_KEYS.includes(failure.code)) {
        deny(key, { code: failure.code, message: failure.message });
      }
    });
  });
}
