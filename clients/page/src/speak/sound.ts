import type { AudioAckMessage, CallEvent } from "callscribe";

import { type Level, LevelMeter } from "./levels.js";
import { Peaks } from "./peaks.js";
import { type Span, spansAfter } from "./spans.js";

/** What a source delivered: frames behind the `position` of those before them. */
interface Delivered {
  position: number;
  sampleRate: number;
  channels: readonly Float32Array[];
}

/** The sound of one call as it is drawn: levels, outline and speech; all that changes by itself. */
export class Sound {
  readonly peaks: readonly Peaks[];
  /** Counts what was heard, so that a drawer knows whether there is something new. */
  changes = 0;
  readonly #meters: readonly LevelMeter[];
  #spans: readonly Span[] = [];
  #frames = 0;
  #stored = 0;
  #sampleRate = 16_000;

  constructor(legs: number) {
    this.peaks = Array.from({ length: legs }, () => new Peaks());
    this.#meters = Array.from({ length: legs }, () => new LevelMeter());
  }

  heard({ position, sampleRate, channels }: Delivered): void {
    this.#sampleRate = sampleRate;
    this.#frames = position + (channels[0]?.length ?? 0);
    for (const [channel, samples] of channels.entries()) {
      this.peaks[channel]?.heard(samples, position, sampleRate);
      this.#meters[channel]?.heard(samples, sampleRate);
    }
    this.changes++;
  }

  stored(position: AudioAckMessage["position"]): void {
    this.#stored = Math.max(this.#stored, position);
  }

  spoken(event: CallEvent): void {
    this.#spans = spansAfter(this.#spans, event, this.endS);
    this.changes++;
  }

  get spans(): readonly Span[] {
    return this.#spans;
  }

  get levels(): readonly Level[] {
    return this.#meters.map((meter) => meter.level);
  }

  /** Seconds of audio since the call began. */
  get endS(): number {
    return this.#frames / this.#sampleRate;
  }

  /** Seconds of audio that the server has not stored yet. */
  get waitingS(): number {
    return (this.#frames - this.#stored) / this.#sampleRate;
  }
}
