import { asFailure, CallscribeError } from "../errors.js";
import type { AudioSink, SourceFormat } from "./source.js";

/** Hz: what recognisers work with, so more would only cost bandwidth. */
const WANTED_RATE = 16_000;
const BATCH_S = 0.032;
/** Frames of one block of the browser. */
const BLOCK = 128;
const FLUSH_MS = 250;

/** How a stream is recorded. */
export interface CaptureOptions {
  /** By default 1. */
  channels?: 1 | 2;
  /** Where the worklet is served, if a bundler has not put it beside this module. */
  workletUrl?: string | URL;
}

/** Records a MediaStream with an audio worklet. */
export class Capture {
  readonly #stream: MediaStream;
  readonly #options: CaptureOptions;
  #context: AudioContext | null = null;
  #node: AudioWorkletNode | null = null;
  readonly #listening = new AbortController();

  constructor(stream: MediaStream, options: CaptureOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Resolves once audio flows to the sink. Rejects with `audio_unavailable` or `device_lost`. */
  async start(sink: AudioSink): Promise<SourceFormat> {
    const [track] = this.#stream.getAudioTracks();
    if (track === undefined) {
      throw new CallscribeError("audio_unavailable", "the stream has no audio track");
    }
    if (typeof AudioWorkletNode === "undefined") {
      const insecure = globalThis.isSecureContext === false;
      const text = insecure ? "audio needs https:// or localhost" : "there is no AudioWorklet here";
      throw new CallscribeError(insecure ? "insecure_context" : "audio_unavailable", text);
    }
    try {
      return await this.#record(track, sink);
    } catch (error) {
      await this.#close();
      throw asFailure(error, "audio_unavailable");
    }
  }

  /** Delivers what was recorded already, then nothing more. */
  async stop(): Promise<void> {
    const port = this.#node?.port;
    if (port !== undefined) {
      port.postMessage(null);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FLUSH_MS);
        port.addEventListener("message", ({ data }) => {
          if (data !== null) return;
          clearTimeout(timer);
          resolve();
        });
      });
    }
    await this.#close();
  }

  async #record(track: MediaStreamTrack, sink: AudioSink): Promise<SourceFormat> {
    const { channels = 1 } = this.#options;
    const { context, input } = this.#connect();
    const module = this.#options.workletUrl ?? new URL("./capture-worklet.js", import.meta.url);
    await context.audioWorklet.addModule(module);
    const { sampleRate } = context;
    const frames = Math.max(1, Math.round((sampleRate * BATCH_S) / BLOCK)) * BLOCK;
    const node = new AudioWorkletNode(context, "callscribe-capture", {
      channelCount: channels,
      channelCountMode: "explicit",
      processorOptions: { frames, channels },
    });
    this.#node = node;
    input.connect(node);
    // Its output is silent; browsers run what leads to the speakers.
    node.connect(context.destination);
    this.#watch(track, context, sink);
    await context.resume();
    node.port.addEventListener("message", ({ data }: MessageEvent<Float32Array[] | null>) => {
      if (data !== null) void sink.data(data);
    });
    node.port.start();
    return { sampleRate, channels };
  }

  /** Connects the stream at the wanted rate; at that of the device where the browser cannot. */
  #connect(): { context: AudioContext; input: MediaStreamAudioSourceNode } {
    const wanted = new AudioContext({ sampleRate: WANTED_RATE, latencyHint: "interactive" });
    this.#context = wanted;
    try {
      return { context: wanted, input: wanted.createMediaStreamSource(this.#stream) };
    } catch {
      void wanted.close();
      const own = new AudioContext({ latencyHint: "interactive" });
      this.#context = own;
      return { context: own, input: own.createMediaStreamSource(this.#stream) };
    }
  }

  #watch(track: MediaStreamTrack, context: AudioContext, sink: AudioSink): void {
    const { signal } = this.#listening;
    let told = false;
    const look = (): void => {
      const muted = track.muted || context.state !== "running";
      if (muted !== told) sink.muted(muted);
      told = muted;
    };
    track.addEventListener("mute", look, { signal });
    track.addEventListener("unmute", look, { signal });
    context.addEventListener(
      "statechange",
      () => {
        look();
        // A telephone call, or another program, interrupts the context.
        if (context.state !== "running" && !signal.aborted) void context.resume().catch(() => {});
      },
      { signal },
    );
    const text = "the microphone was unplugged, or its use was withdrawn";
    const lost = (): void => sink.failed(new CallscribeError("device_lost", text));
    track.addEventListener("ended", lost, { signal });
    if (track.readyState === "ended") throw new CallscribeError("device_lost", text);
  }

  async #close(): Promise<void> {
    this.#listening.abort();
    this.#node?.disconnect();
    this.#node?.port.close();
    this.#node = null;
    const context = this.#context;
    this.#context = null;
    await context?.close().catch(() => undefined);
  }
}
