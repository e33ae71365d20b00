import type { CallSettings, FollowSettings } from "callscribe";

import { observable } from "../observable.js";

export const SCOPES = ["transcribe", "read", "admin"] as const;
type Scope = (typeof SCOPES)[number];

/** What the server says against a key, in the form of its errors. */
export interface Denial {
  readonly code: string;
  readonly message: string;
}

/** What this tab may do. */
export interface Access {
  /** `open`: no key is needed; `needed`: one is, and there is none that counts; `given`: there is. */
  readonly state: "asking" | "open" | "needed" | "given";
  /** The key in use; "" without one. */
  readonly key: string;
  /** What it may do. */
  readonly scopes: readonly string[];
  /** Why the key that was used last does not count. */
  readonly denial: Denial | null;
  /** Whether the views were shown once: what they hold stays in sight when a key ends. */
  readonly admitted: boolean;
  /** Rises with every change of who uses the page: the views begin again. */
  readonly turn: number;
}

/** The session's storage ends with the tab; other tabs and later visits do not see it. */
const STORED = "callscribe.key";

/** The access of this tab. */
export const access = observable<Access>({
  state: "asking",
  key: "",
  scopes: [],
  denial: null,
  admitted: false,
  turn: 0,
});

/** Returns the key that a reload has left. */
export function storedKey(): string {
  return sessionStorage.getItem(STORED) ?? "";
}

/** Notes that the server wants no key, or accepts this one. */
export function admit(key: string, scopes: readonly string[]): void {
  if (key) sessionStorage.setItem(STORED, key);
  const state = key ? "given" : "open";
  const turn = access.value.turn + 1;
  access.set({ state, key, scopes, denial: null, admitted: true, turn });
}

/** Notes that `key` does not count, or no longer; another one may be in use meanwhile. */
export function deny(key: string, denial: Denial | null): void {
  const now = access.value;
  if (now.state !== "asking" && now.state !== "needed" && now.key !== key) return;
  sessionStorage.removeItem(STORED);
  access.set({ ...now, state: "needed", key: "", scopes: [], denial });
}

/** Forgets the key, and with a reload all that was read with it. */
export function forget(): void {
  deny(access.value.key, null);
  location.reload();
}

/** Whether requests with this scope are worth making. */
export function may(scope: Scope): boolean {
  const { state, scopes } = access.value;
  return state === "open" || scopes.includes(scope);
}

/** The headers of a request that carry a key. */
export function bearer(key: string): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Returns what an error's body says; null where it is none of ours. */
export function denialIn(body: unknown): Denial | null {
  const { error } = Object(body) as { error?: unknown };
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return typeof code === "string" ? { code, message: String(message) } : null;
}

/** What a reader of calls sends along: the key itself, since tokens only make calls. */
export function readerSettings(): Pick<FollowSettings, "token"> {
  const { key } = access.value;
  return key ? { token: key } : {};
}

/** What a call sends along; `fetchToken` is asked once for each. */
export function callSettings(fetchToken: () => Promise<string>): Pick<CallSettings, "token"> {
  return access.value.key ? { token: fetchToken } : {};
}
