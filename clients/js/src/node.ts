import { CallscribeError } from "./errors.js";
import type { AudioSource, SourceFormat } from "./sources/source.js";

/** What a stream of bytes carries. */
export interface StreamFormat extends SourceFormat {
  readonly encoding: "pcm16";
}

/**
 * A stream of interleaved PCM16, such as the output of `arecord` or `sox`. It is read no faster
 * than a server takes it; `finish` and `leave` destroy it.
 */
export function nodeStream(readable: NodeJS.ReadableStream, format: StreamFormat): AudioSource {
  const { sampleRate, channels } = format;
  let stopped = false;
  return {
    async start(sink) {
      const pump = async (): Promise<void> => {
        const cut = new Cutter(channels);
        try {
          for await (const chunk of readable) {
            if (stopped) return;
            await sink.data(cut.samples(chunk as Uint8Array));
          }
          if (!stopped) sink.ended();
        } catch (error) {
          if (stopped) return;
          const why = error instanceof Error ? error.message : String(error);
          sink.failed(new CallscribeError("audio_unavailable", `the stream broke: ${why}`));
        }
      };
      // The iteration tells of an error, also of one that came before it.
      readable.on("error", () => undefined);
      setImmediate(() => void pump());
      return { sampleRate, channels };
    },
    stop() {
      stopped = true;
      (readable as Partial<{ destroy(): void }>).destroy?.();
    },
  };
}

/** Cuts bytes, split anywhere, into whole frames. */
export class Cutter {
  readonly #channels: number;
  #rest: Uint8Array = new Uint8Array();

  constructor(channels: number) {
    this.#channels = channels;
  }

  /** Returns the samples of each channel; what is left over waits for more. */
  samples(chunk: Uint8Array): Float32Array[] {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    const frames = Math.floor(bytes.length / (2 * this.#channels));
    this.#rest = bytes.subarray(frames * 2 * this.#channels);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: this.#channels }, (_, channel) =>
      Float32Array.from(
        { length: frames },
        (_, frame) => view.getInt16(2 * (frame * this.#channels + channel), true) / 32_768,
      ),
    );
  }
}
