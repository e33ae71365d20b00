import { Buffer } from "node:buffer";

import { type Call, type CallEvent, type CallSettings, connect } from "../src/index.js";

/** A byte a frame: positions are easy to read. */
export const MULAW = { encoding: "mulaw", sample_rate: 4_000 } as const;
export const SPAN = { channel: 0, utterance: 1, start: 0, end: 1, timestamp: 0, text: "" };

/** A call whose audio is text. */
export function mulaw(url: string | readonly string[], settings: CallSettings = {}): Call {
  return connect(url, { format: MULAW, ...settings });
}

export const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** Returns every event up to the end; throws the failure. */
export async function events(call: AsyncIterable<CallEvent>): Promise<CallEvent[]> {
  const found: CallEvent[] = [];
  for await (const event of call) found.push(event);
  return found;
}

export function texts(found: readonly CallEvent[]): string[] {
  return found.flatMap((event) => (event.type === "final" ? [event.text] : []));
}

export const kinds = (found: readonly CallEvent[]): string[] => found.map((event) => event.type);

/** Resolves with the first event of a name. */
export function first<T>(call: Call, name: Parameters<Call["on"]>[0]): Promise<T> {
  return new Promise((resolve) => {
    const remove = call.on(name, ((value: T) => {
      remove();
      resolve(value);
    }) as never);
  });
}
