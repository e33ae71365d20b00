import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { mediaStream, microphone, microphones } from "../../src/index.js";
import { Heard, never } from "./sink.js";

/** Stands in for the browser's audio graph; a real browser runs it in tests/web. */
class Port extends EventTarget {
  sent: unknown[] = [];
  start(): void {}
  close(): void {}
  postMessage(message: unknown): void {
    this.sent.push(message);
    this.tell(null);
  }
  tell(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}
class Node {
  static newest: Node;
  port = new Port();
  constructor(
    readonly context: Context,
    readonly name: string,
    readonly options: { processorOptions: { frames: number; channels: number } },
  ) {
    Node.newest = this;
  }
  connect(): void {}
  disconnect(): void {}
}
class Context extends EventTarget {
  static newest: Context;
  static refuses = false;
  state = "running";
  destination = {};
  modules: string[] = [];
  readonly sampleRate: number;
  audioWorklet = { addModule: async (url: URL | string) => void this.modules.push(String(url)) };
  constructor(options: { sampleRate?: number }) {
    super();
    this.sampleRate = options.sampleRate ?? 44_100;
    Context.newest = this;
  }
  createMediaStreamSource() {
    if (Context.refuses && this.sampleRate === 16_000) throw new Error("NotSupportedError");
    return { connect: () => undefined };
  }
  async resume(): Promise<void> {}
  async close(): Promise<void> {
    this.state = "closed";
  }
}
class Track extends EventTarget {
  muted = false;
  readyState = "live";
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

let track: Track;
let asked: { audio: Record<string, unknown> };
let refusal: string | null;

beforeEach(() => {
  track = new Track();
  refusal = null;
  Context.refuses = false;
  vi.stubGlobal("AudioContext", Context);
  vi.stubGlobal("AudioWorkletNode", Node);
  const devices = [{ kind: "audioinput", label: "a" }, { kind: "videoinput" }];
  const mediaDevices = {
    enumerateDevices: async () => devices,
    async getUserMedia(constraints: typeof asked) {
      asked = constraints;
      if (refusal !== null) throw Object.assign(new Error("browser's words"), { name: refusal });
      return stream();
    },
  };
  vi.stubGlobal("navigator", { mediaDevices });
});
afterEach(() => void vi.unstubAllGlobals());

const stream = (): MediaStream =>
  ({ getAudioTracks: () => [track], getTracks: () => [track] }) as never;

test("a microphone is recorded at 16 kHz in batches of 32 ms", async () => {
  const sink = new Heard();
  const source = microphone({ deviceId: "d", channels: 2, echoCancellation: false });
  expect(await source.start(sink, never())).toEqual({ sampleRate: 16_000, channels: 2 });
  expect(asked.audio).toEqual({
    ...{ deviceId: { exact: "d" }, channelCount: { ideal: 2 }, echoCancellation: false },
  });
  expect(Node.newest.options.processorOptions).toEqual({ frames: 512, channels: 2 });
  expect(Context.newest.modules[0]).toMatch(/^file:.*\/capture-worklet\.js$/);
  Node.newest.port.tell([Float32Array.of(0.5), Float32Array.of(-0.5)]);
  expect(sink.channels).toEqual([[0.5], [-0.5]]);
  await source.stop();
  expect(Node.newest.port.sent).toEqual([null]);
  expect([track.stopped, Context.newest.state]).toEqual([true, "closed"]);
});

test("a browser that cannot convert the rate gives that of the device", async () => {
  Context.refuses = true;
  const format = await microphone().start(new Heard(), never());
  expect(format).toEqual({ sampleRate: 44_100, channels: 1 });
  expect(Node.newest.options.processorOptions.frames).toBe(1_408);
});

test.each([
  ["NotAllowedError", "permission_denied"],
  ["NotFoundError", "device_not_found"],
  ["OverconstrainedError", "device_not_found"],
  ["NotReadableError", "device_busy"],
  ["AbortError", "audio_unavailable"],
])("the browser's %s is %s", async (name, code) => {
  refusal = name;
  await expect(microphone().start(new Heard(), never())).rejects.toMatchObject({ code });
});

test("a page without https has no microphone, and Node has none", async () => {
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("isSecureContext", false);
  await expect(microphones()).rejects.toMatchObject({ code: "insecure_context" });
  vi.stubGlobal("isSecureContext", undefined);
  const start = microphone().start(new Heard(), never());
  await expect(start).rejects.toMatchObject({ code: "audio_unavailable" });
});

test("microphones are told, other devices are not", async () => {
  expect((await microphones()).map((device) => device.label)).toEqual(["a"]);
});

test("a track that is muted, or a context that is interrupted, is told", async () => {
  const sink = new Heard();
  await microphone().start(sink, never());
  track.muted = true;
  track.dispatchEvent(new Event("mute"));
  track.muted = false;
  track.dispatchEvent(new Event("unmute"));
  Context.newest.state = "interrupted";
  Context.newest.dispatchEvent(new Event("statechange"));
  expect(sink.mutes).toEqual([true, false, true]);
});

test("a device that is unplugged is lost, and one that was stopped is not", async () => {
  const sink = new Heard();
  const source = microphone();
  await source.start(sink, never());
  track.dispatchEvent(new Event("ended"));
  expect(sink.failure?.code).toBe("device_lost");
  const other = new Heard();
  await source.start(other, never());
  await source.stop();
  track.dispatchEvent(new Event("ended"));
  expect(other.failure).toBeNull();
});

test("leaving while the browser asks gives the microphone back", async () => {
  const start = microphone().start(new Heard(), AbortSignal.abort());
  await expect(start).rejects.toThrow("the call was left");
  expect(track.stopped).toBe(true);
});

test("the tracks of a stream of the page are not stopped", async () => {
  const source = mediaStream(stream(), { workletUrl: "/worklet.js" });
  await source.start(new Heard(), never());
  expect(Context.newest.modules).toEqual(["/worklet.js"]);
  await source.stop();
  expect(track.stopped).toBe(false);
  const silent = mediaStream({ getAudioTracks: () => [] } as never).start(new Heard(), never());
  await expect(silent).rejects.toThrow("no audio track");
});
