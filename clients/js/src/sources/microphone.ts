import { asFailure, CallscribeError, type ClientErrorCode } from "../errors.js";
import { Capture, type CaptureOptions } from "./capture.js";
import type { AudioSource } from "./source.js";

/** Which microphone, and what the browser does to its sound; left out, the browser decides. */
export interface MicrophoneOptions extends CaptureOptions {
  /** Of one that `microphones` has returned. */
  deviceId?: string;
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
}

/** W3C, Media Capture and Streams, 10.3. */
const CODES: Readonly<Record<string, ClientErrorCode>> = {
  NotAllowedError: "permission_denied",
  SecurityError: "permission_denied",
  NotFoundError: "device_not_found",
  OverconstrainedError: "device_not_found",
  NotReadableError: "device_busy",
};
const TEXTS: Readonly<Partial<Record<ClientErrorCode, string>>> = {
  permission_denied: "the use of the microphone was not permitted",
  device_not_found: "there is no such microphone",
  device_busy: "another program uses the microphone, or the system does not give it",
};

/** A microphone, in a browser. Its start asks the user for permission. */
export function microphone(options: MicrophoneOptions = {}): AudioSource {
  const { deviceId, echoCancellation, noiseSuppression, autoGainControl, ...how } = options;
  let stream: MediaStream | null = null;
  let capture: Capture | null = null;
  const release = async (): Promise<void> => {
    await capture?.stop();
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = capture = null;
  };
  return {
    async start(sink, signal) {
      const wished = { echoCancellation, noiseSuppression, autoGainControl };
      const given = Object.entries(wished).filter(([, value]) => value !== undefined);
      stream = await ask({
        ...Object.fromEntries(given),
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        channelCount: { ideal: how.channels ?? 1 },
      });
      try {
        if (signal.aborted) throw new CallscribeError("disconnected", "the call was left");
        capture = new Capture(stream, how);
        return await capture.start(sink);
      } catch (error) {
        await release();
        throw error;
      }
    },
    stop: release,
  };
}

/** Returns the microphones; they have labels once the use of one was permitted. */
export async function microphones(): Promise<MediaDeviceInfo[]> {
  const devices = await mediaDevices().enumerateDevices();
  return devices.filter((device) => device.kind === "audioinput");
}

async function ask(audio: MediaTrackConstraints): Promise<MediaStream> {
  const devices = mediaDevices();
  try {
    return await devices.getUserMedia({ audio });
  } catch (error) {
    const code = CODES[error instanceof Error ? error.name : ""];
    if (code === undefined) throw asFailure(error, "audio_unavailable");
    throw new CallscribeError(code, TEXTS[code] ?? code);
  }
}

function mediaDevices(): MediaDevices {
  const found = globalThis.navigator?.mediaDevices as MediaDevices | undefined;
  if (found !== undefined) return found;
  if (globalThis.isSecureContext === false) {
    const text = "a page may use the microphone only at https:// or localhost";
    throw new CallscribeError("insecure_context", text);
  }
  const text = "there is no microphone here; in Node use nodeStream of callscribe/node";
  throw new CallscribeError("audio_unavailable", text);
}
