import { type TokenSource, tokenOf, withKey } from "./access.js";
import { pageAddress, socketUrl } from "./address.js";
import { type Call, RunningCall } from "./call.js";
import { CallscribeError } from "./errors.js";
import type { AudioFormat, CallOptions } from "./messages.js";
import type { Handshake } from "./socket.js";
import type { Tls, WebSocketConstructor } from "./opening.js";
import type { AudioSource } from "./sources/source.js";

/** Servers acknowledge about once a second, without the audio inside their resamplers. */
const LEAST_REPLAY_S = 5;
const FORMAT: AudioFormat = { encoding: "pcm16", sample_rate: 16_000, channels: 1 };

/** A call's options, and how it is made. */
export interface CallSettings extends CallOptions {
  /** Where the audio comes from; it decides the format. Without it, use `Call.send`. */
  source?: AudioSource;
  /** The format of what `send` is given; by default pcm16, 16000 Hz, 1 channel. */
  format?: Partial<AudioFormat>;
  /** For Node: goes as a bearer token with every handshake. Browsers cannot send one: `token`. */
  apiKey?: string;
  /**
   * A short-lived token, or what fetches one; it is asked once for a call. The token goes with
   * every handshake, also of a resumption.
   */
  token?: TokenSource;
  /** For Node: sent with every handshake. */
  headers?: Record<string, string>;
  /** For Node: a self-signed server. */
  tls?: Tls;
  /** Whether to resume the call after a broken connection; by default true. */
  resume?: boolean;
  /** Seconds without a connection after which the call fails; by default 60. */
  patienceS?: number;
  /** Seconds of audio that are kept to be sent again; by default 60, at least 5. */
  replayS?: number;
  /** In place of the platform's WebSocket, or of `ws`. */
  WebSocket?: WebSocketConstructor;
}

/**
 * Opens a call at a `ws://` or `wss://` URL, or at the first of several that takes it. In a page a
 * path will do, or "" for the page's own server.
 *
 * Returns immediately, before anything happens: add listeners, or iterate, without awaiting first.
 * Failures of the call are told by its state. Throws `misuse` for settings that cannot work.
 */
export function connect(url: string | readonly string[], settings: CallSettings = {}): Call {
  const { source, format, apiKey, token, headers, tls, resume, patienceS, replayS, ...rest } =
    settings;
  const { WebSocket, events = [], ...options } = rest;
  const urls = [url].flat().map((each) => socketUrl(each, pageAddress()));
  const kept = replayS ?? 60;
  if (urls.length === 0 || !(kept >= LEAST_REPLAY_S)) {
    const text = `${urls.length} URLs, ${kept} s of replay: at least 1 and ${LEAST_REPLAY_S} s`;
    throw new CallscribeError("misuse", text);
  }
  if (source !== undefined && format !== undefined) {
    throw new CallscribeError("misuse", "give a source or a format, not both");
  }
  const sent = withKey(headers, apiKey);
  let given: Promise<string> | null = null;
  const resumes = resume ?? true;
  const acks = resumes ? (["audio_ack"] as const) : [];
  return new RunningCall({
    source: source ?? null,
    format: { ...FORMAT, ...format },
    line: {
      urls,
      config: { ...options, events: [...new Set([...events, ...acks])] },
      acks: events.includes("audio_ack"),
      resume: resumes,
      patienceS: patienceS ?? 60,
      replayS: kept,
      async handshake(): Promise<Handshake> {
        given ??= tokenOf(token);
        return { token: await given, headers: sent, tls, WebSocket };
      },
    },
  });
}
