/**
 * Live speech-to-text with callscribe, in browsers and Node.
 *
 *     const call = connect("", { source: microphone() });
 *     call.on("partial", (message) => show(message.text));
 *     call.on("final", (message) => append(message.text));
 *     stopButton.onclick = () => call.finish();
 *
 * A broken connection does not end the call: the client reconnects to any of the URLs, resumes and
 * sends again what the server lacks. A program can rely on this:
 *
 * - Audio. Every frame is recognised exactly once, and every `flush`, `configure` and `finish`
 *   takes effect once and in its place. The condition: the client reaches a server again within
 *   `patienceS` here and `--resume-s` there. Audio is kept until a server acknowledges it as
 *   stored, `replayS` seconds at most; then `send` and sources wait. A microphone cannot wait: the
 *   call fails with `overrun`. Nothing is dropped silently.
 * - Otherwise the call is `failed`, and `failure` says why.
 * - Events. Finals, words and the requested events come exactly once and in the server's order; no
 *   partial comes after its final. Events that arrived before a failure come before it is told.
 *
 * Times in messages are seconds of audio since the call began, not of the clock.
 */
export type { CallState } from "./call-state.js";
export type { AudioDelivered, Call, CallEvent, CallEvents, Resumed } from "./call.js";
export { type CallSettings, connect } from "./connect.js";
export type { Traffic } from "./dialling.js";
export { CallscribeError, type ClientErrorCode } from "./errors.js";
export {
  follow,
  type Follower,
  type FollowEvents,
  type FollowSettings,
  type FollowState,
} from "./follow.js";
export type { Latency, Measure } from "./latency.js";
export * from "./messages.js";
export { heard, NOTHING_SAID, type Transcript } from "./transcript.js";
export type { Tls, WebSocketConstructor, WebSocketLike } from "./opening.js";
export type { CaptureOptions } from "./sources/capture.js";
export { file, type FileChannels } from "./sources/file.js";
export { mediaStream } from "./sources/media-stream.js";
export { microphone, type MicrophoneOptions, microphones } from "./sources/microphone.js";
export { samples } from "./sources/samples.js";
export type { AudioSink, AudioSource, SourceFormat } from "./sources/source.js";
