import type { ServerMessage } from "./messages.js";

/**
 * `first_partial`: from the start of speech (pre-roll included). `partial_lag`: a partial, from the
 * newest audio that it covers. `endpoint_to_final`: from the audio that decided the endpoint; only
 * where `speech_ended` is among the events. `finalisation`: a final, from the end of speech.
 */
export type Measure = "first_partial" | "partial_lag" | "endpoint_to_final" | "finalisation";

export interface Latency {
  readonly measure: Measure;
  readonly seconds: number;
  readonly channel: number;
  readonly utterance: number;
}

/** Seconds of audio for which the times of sending are remembered. */
const REMEMBERED_S = 120;

/** When each part of a call's audio was sent; pure. */
export class Sending {
  #ends: number[] = [];
  #times: number[] = [];

  /** Notes that audio up to `end`, in seconds of audio, was sent at `now`; drops what is old. */
  sent(end: number, now: number): void {
    // After a resume the same audio is sent again: its first time counts.
    if (end <= (this.#ends.at(-1) ?? 0)) return;
    this.#ends.push(end);
    this.#times.push(now);
    const old = this.#ends.length > 256 ? this.#indexOf(end - REMEMBERED_S) : 0;
    if (old > this.#ends.length / 2) {
      this.#ends = this.#ends.slice(old);
      this.#times = this.#times.slice(old);
    }
  }

  /** Returns when the audio at `position` was sent; undefined when none was sent. */
  timeOf(position: number): number | undefined {
    // Half a millisecond: the protocol's times are rounded to whole ones.
    const index = this.#indexOf(position - 0.0005);
    return this.#times[Math.min(index, this.#times.length - 1)];
  }

  #indexOf(position: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The latencies of one call as its client sees them; pure, `now` in seconds of one clock. */
export class Latencies {
  readonly sending = new Sending();
  readonly #begun = new Map<number, number>();
  readonly #decided = new Map<string, number>();
  readonly #finals = new Map<string, number>();

  /** Notes a message that arrived at `now`; returns the latencies that it gives. */
  note(message: ServerMessage, now: number): readonly Latency[] {
    const found: Latency[] = [];
    const add = (measure: Measure, position: number, at: number): void => {
      const sent = this.sending.timeOf(position);
      if (sent === undefined || !("utterance" in message)) return;
      const { channel, utterance } = message;
      found.push({ measure, seconds: at - sent, channel, utterance });
    };
    switch (message.type) {
      case "partial":
        add("partial_lag", message.end, now);
        if (message.utterance > (this.#begun.get(message.channel) ?? 0)) {
          this.#begun.set(message.channel, message.utterance);
          add("first_partial", message.start, now);
        }
        break;
      case "speech_ended": {
        const final = take(this.#finals, message);
        if (final === undefined) remember(this.#decided, message, message.at);
        else add("endpoint_to_final", message.at, final);
        break;
      }
      case "final": {
        if (message.end <= message.start) break;
        add("finalisation", message.end, now);
        const decided = take(this.#decided, message);
        if (decided !== undefined) add("endpoint_to_final", decided, now);
        else remember(this.#finals, message, now);
        break;
      }
    }
    return found;
  }
}

interface Spoken {
  readonly channel: number;
  readonly utterance: number;
}

function keyOf(spoken: Spoken): string {
  return `${spoken.channel}.${spoken.utterance}`;
}

function take(map: Map<string, number>, spoken: Spoken): number | undefined {
  const value = map.get(keyOf(spoken));
  map.delete(keyOf(spoken));
  return value;
}

/** Keeps the newest few: where one of the two never comes, the other is never taken out. */
function remember(map: Map<string, number>, spoken: Spoken, value: number): void {
  map.set(keyOf(spoken), value);
  if (map.size > 8) map.delete(map.keys().next().value as string);
}
