import { CallscribeError } from "../errors.js";
import { Capture, type CaptureOptions } from "./capture.js";
import type { AudioSource } from "./source.js";

/** A MediaStream of the page, such as that of a WebRTC call; its tracks are not stopped. */
export function mediaStream(stream: MediaStream, options: CaptureOptions = {}): AudioSource {
  const capture = new Capture(stream, options);
  return {
    async start(sink, signal) {
      const format = await capture.start(sink);
      if (!signal.aborted) return format;
      await capture.stop();
      throw new CallscribeError("disconnected", "the call was left");
    },
    stop: () => capture.stop(),
  };
}
