import type { CallscribeError } from "../errors.js";

/** Takes what a source delivers. */
export interface AudioSink {
  /**
   * Takes samples of -1..1, one array for each channel, all of one length; they must not change
   * afterwards. Resolves when there is room for more. A source that cannot wait, such as a
   * microphone, need not: more than `replayS` of its audio without a server ends the call.
   */
  data(channels: readonly Float32Array[]): Promise<void> | void;
  /** Nothing follows. */
  ended(): void;
  failed(error: CallscribeError): void;
  /** The system has muted or unmuted the source. */
  muted(muted: boolean): void;
}

/** What a source delivers. */
export interface SourceFormat {
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: 1 | 2;
}

/** Where audio comes from. */
export interface AudioSource {
  /**
   * Resolves with the format once audio can flow; then calls the sink until `stop` or the end.
   * Rejects with a CallscribeError. `signal` aborts when the call is left before.
   */
  start(sink: AudioSink, signal: AbortSignal): Promise<SourceFormat>;
  /** Delivers what was recorded already, then nothing more. May be called again. */
  stop(): Promise<void> | void;
}
