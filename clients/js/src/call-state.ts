/**
 * The states of a call. What is not in the table cannot happen, and throws.
 *
 * `finishing` stays while a broken connection is resumed: nothing more is sent by the program, and
 * results still come.
 */
export type CallState =
  | "starting"
  | "connecting"
  | "open"
  | "resuming"
  | "finishing"
  | "finished"
  | "failed";

export type CallMove =
  | "started" // the source delivers audio
  | "created" // a server has the call
  | "broke" // the connection ended, the call did not
  | "resumed"
  | "finish" // the program or the source has nothing more to send
  | "over" // in order, or because the program left
  | "failure";

const TABLE: Readonly<Record<CallState, Partial<Record<CallMove, CallState>>>> = {
  starting: { started: "connecting", finish: "finished", over: "finished", failure: "failed" },
  connecting: { created: "open", finish: "finishing", over: "finished", failure: "failed" },
  open: { broke: "resuming", finish: "finishing", over: "finished", failure: "failed" },
  resuming: { resumed: "open", finish: "finishing", over: "finished", failure: "failed" },
  finishing: {
    created: "finishing",
    broke: "finishing",
    resumed: "finishing",
    over: "finished",
    failure: "failed",
  },
  finished: {},
  failed: {},
};

/** Returns the state after a move; throws where the table has none. */
export function after(state: CallState, move: CallMove): CallState {
  const next = TABLE[state][move];
  if (next === undefined) throw new Error(`a call that is ${state} cannot have: ${move}`);
  return next;
}

/** Whether nothing follows. */
export function isOver(state: CallState): boolean {
  return Object.keys(TABLE[state]).length === 0;
}

/** Every transition, for tests: state, move, next state. */
export function transitions(): readonly (readonly [CallState, CallMove, CallState])[] {
  return (Object.keys(TABLE) as CallState[]).flatMap((state) =>
    (Object.entries(TABLE[state]) as [CallMove, CallState][]).map(
      ([move, next]) => [state, move, next] as const,
    ),
  );
}
