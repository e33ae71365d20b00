import type { CallscribeError } from "../../src/errors.js";
import type { AudioSink } from "../../src/index.js";

/** Takes down what a source delivers. */
export class Heard implements AudioSink {
  channels: number[][] = [];
  sizes: number[] = [];
  mutes: boolean[] = [];
  failure: CallscribeError | null = null;
  readonly over: Promise<void>;
  #end: () => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => (this.#end = resolve));
  }

  data(channels: readonly Float32Array[]): Promise<void> | void {
    this.sizes.push(channels[0]?.length ?? 0);
    channels.forEach((samples, index) => (this.channels[index] ??= []).push(...samples));
  }

  ended(): void {
    this.#end();
  }

  failed(error: CallscribeError): void {
    this.failure = error;
    this.#end();
  }

  muted(muted: boolean): void {
    this.mutes.push(muted);
  }
}

export const never = (): AbortSignal => new AbortController().signal;
