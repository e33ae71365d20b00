/** Texts about the API key of this tab. */
export const access = {
  title: "This server needs an API key",
  hint: "Whoever runs the server has one for you. It is kept in this tab only, until you close it or choose “Forget the key”.",
  field: "API key",
  use: "Use this key",
  forget: "Forget the key",
  forgetHint: "Loads the page again, without the key and all that was read with it.",
  problems: {
    unknown_key: "The server does not know this key. Look whether all of it was copied.",
    revoked_key: "This key was revoked. Ask for another one.",
    expired_key: "The time of this key is over. Ask for another one.",
    unknown_token: "The server does not accept this token. Ask for another one.",
    expired_token: "The time of this token is over. Ask for another one.",
    missing_key: "The server needs a key now.",
    unreachable: "The server did not answer. Try again.",
    other: (message: string) => `The server does not accept this key: ${message}`,
  },
  /** What a key without a scope does not do. */
  lacks: {
    transcribe: "This key makes no calls: that needs one with the scope transcribe.",
    read: "This key does not read calls: that needs one with the scope read.",
  },
} as const;
