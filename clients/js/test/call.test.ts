import { expect, test, vi } from "vitest";

import { type AudioSink, type AudioSource, CallscribeError, connect } from "../src/index.js";
import { bytes, events, first, kinds, mulaw, SPAN } from "./calls.js";
import { type Peer, serving } from "./peer.js";

const orderly = async (peer: Peer): Promise<void> => {
  await peer.accept();
  await peer.until("finalize");
};

/** A source that delivers what the test tells it to. */
class Spoken implements AudioSource {
  sink!: AudioSink;
  stopped = 0;

  async start(sink: AudioSink): Promise<{ sampleRate: number; channels: 1 }> {
    this.sink = sink;
    return { sampleRate: 4_000, channels: 1 };
  }

  stop(): void {
    this.stopped += 1;
  }
}

test("a call with a source goes through its states and tells its audio", async () => {
  const script = async (peer: Peer): Promise<void> => {
    const format = { encoding: "pcm16", sample_rate: 4_000, channels: 1 };
    expect(await peer.accept()).toMatchObject(format);
    await peer.until("finalize");
    expect(peer.audio).toBe("\x00\x40\x00\xc0\xff\x7f");
  };
  await serving(script, async (url) => {
    const source = new Spoken();
    const call = connect(url, { source });
    const states: string[] = [call.state];
    const heard: unknown[] = [];
    call.on("state", (state) => states.push(state));
    call.on("audio", ({ position, channels }) => heard.push([position, [...(channels[0] ?? [])]]));
    expect([call.sessionId, call.format]).toEqual(["", null]);
    await first(call, "created");
    expect([call.sessionId, call.resumeToken]).toEqual(["s1", "t1"]);
    expect(call.format?.sample_rate).toBe(4_000);
    void source.sink.data([Float32Array.of(0.5, -0.5)]);
    void source.sink.data([Float32Array.of(2)]);
    await call.finish();
    expect(states).toEqual(["starting", "connecting", "open", "finishing", "finished"]);
    expect(heard).toEqual([
      [0, [0.5, -0.5]],
      [2, [2]],
    ]);
    expect(source.stopped).toBeGreaterThan(0);
    expect(call.failure).toBeNull();
  });
});

test("audio from before the server had the call is sent, none is lost", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await orderly(peer);
    expect(peer.audio).toBe("abcd");
  };
  await serving(script, async (url) => {
    const call = mulaw(url);
    void call.send(bytes("ab"));
    void call.send(bytes("cd"));
    await call.finish();
  });
});

test("a source that ends finishes the call; one that fails does so after its results", async () => {
  for (const failure of [null, new CallscribeError("device_lost", "unplugged")]) {
    const script = async (peer: Peer): Promise<void> => {
      await orderly(peer);
      peer.say("final", { ...SPAN, seq: 1, text: "the last words" });
    };
    await serving(script, async (url) => {
      const source = new Spoken();
      const call = connect(url, { source });
      const said = first<{ text: string }>(call, "final");
      await first(call, "created");
      if (failure === null) source.sink.ended();
      else source.sink.failed(failure);
      expect((await said).text).toBe("the last words");
      await vi.waitUntil(() => call.state === (failure === null ? "finished" : "failed"));
      expect(call.failure).toBe(failure);
    });
  }
});

test("a source that does not start fails the call with its reason", async () => {
  const denied = new CallscribeError("permission_denied", "no");
  const source: AudioSource = { start: () => Promise.reject(denied), stop: () => undefined };
  const call = connect("ws://127.0.0.1:9", { source });
  await expect(call.finish()).resolves.toBeUndefined();
  const other = connect("ws://127.0.0.1:9", { source });
  await expect(events(other)).rejects.toBe(denied);
  expect(other.state).toBe("failed");
});

test("leaving ends the call on the server, too, and is no failure", async () => {
  const codes: number[] = [];
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    codes.push(await peer.closed());
  };
  await serving(script, async (url) => {
    const call = mulaw(url);
    const all = events(call);
    await first(call, "created");
    call.leave();
    expect([call.state, call.failure]).toEqual(["finished", null]);
    expect(kinds(await all)).toEqual(["session_created"]);
    await call.finish();
    await vi.waitUntil(() => codes.length > 0);
  });
  expect(codes).toEqual([1000]);
});

test("leaving before there is a connection leaves nothing open", async () => {
  const script = (): void => expect.unreachable("a call that was left");
  await serving(script, async (url) => {
    const call = mulaw(url);
    call.leave();
    await call.finish();
    const late = mulaw(url, { token: async () => (late.leave(), "x") });
    await late.finish().catch(() => expect.unreachable());
  });
});

test("an error after which the call goes on is a warning", async () => {
  const script = async (peer: Peer): Promise<void> => {
    const config = peer.text();
    peer.say("error", { code: "denoise_unavailable", message: "before" });
    await config;
    peer.say("session_created", { session_id: "s1", resume_token: "t1" });
    peer.say("error", { code: "unknown_option", message: "after" });
    await peer.until("finalize");
  };
  await serving(script, async (url) => {
    const call = mulaw(url);
    const told: string[] = [];
    call.on("created", () => told.push("created"));
    call.on("warning", (message) => told.push(message.message));
    const all = events(call);
    await vi.waitUntil(() => told.length === 3);
    await call.finish();
    expect(told).toEqual(["created", "before", "after"]);
    expect(kinds(await all)).toEqual(["session_created", "error", "error"]);
  });
});

test("what cannot be sent is refused with the reason", async () => {
  await serving(orderly, async (url) => {
    const call = mulaw(url);
    await expect(call.send(new Int16Array(2))).rejects.toThrow("send mulaw audio as Uint8Array");
    const finished = call.finish();
    expect(() => call.flush()).toThrow("nothing can be sent after finish");
    await expect(call.send(bytes("late"))).rejects.toMatchObject({ code: "misuse" });
    await finished;
    expect(() => call.configure({})).toThrow(CallscribeError);
    const spoken = connect(url, { source: new Spoken() });
    expect(() => spoken.flush()).toThrow("has not started");
    await expect(spoken.send(bytes("a"))).rejects.toThrow("the source of the call sends");
    spoken.leave();
  });
});

test("every message of the connection can be seen", async () => {
  await serving(orderly, async (url) => {
    const call = mulaw(url);
    const seen: string[] = [];
    call.on("message", ({ direction, text, bytes: size }) =>
      seen.push(`${direction} ${size ?? JSON.parse(text ?? "").type}`),
    );
    void call.send(bytes("abc"));
    await call.finish();
    expect(seen).toEqual(["out config", "in session_created", "out 3", "out finalize"]);
  });
});

test("a listener that throws keeps neither the others nor the call from going on", async () => {
  const uncaught: unknown[] = [];
  const listening = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  await serving(orderly, async (url) => {
    const call = mulaw(url);
    call.on("created", () => {
      throw new Error("mine");
    });
    await first(call, "created");
    await call.finish();
  });
  process.removeAllListeners("uncaughtException");
  for (const each of listening) process.on("uncaughtException", each);
  expect(uncaught).toEqual([new Error("mine")]);
});

test("latencies are told from what was sent", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.untilAudio(4_000);
    peer.say("partial", { ...SPAN, text: "a" });
    peer.say("final", { ...SPAN, seq: 1, text: "a" });
    await peer.until("finalize");
  };
  await serving(script, async (url) => {
    const call = mulaw(url);
    const measures: string[] = [];
    call.on("latency", ({ measure, seconds }) => {
      measures.push(measure);
      expect(seconds).toBeGreaterThanOrEqual(0);
    });
    await call.send(new Uint8Array(4_000));
    await first(call, "final");
    await call.finish();
    expect(measures).toEqual(["partial_lag", "first_partial", "finalisation"]);
  });
});

test("when the browser is online again the next attempt is made immediately", async () => {
  const random = vi.spyOn(Math, "random").mockReturnValue(1e9);
  const listeners: Record<string, () => void> = {};
  vi.stubGlobal("addEventListener", (name: string, listener: () => void) => {
    listeners[name] = listener;
  });
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      peer.cut();
    },
    async (peer: Peer) => {
      await peer.resume();
      await peer.until("finalize");
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url, { patienceS: 1e6 });
    await vi.waitUntil(() => call.state === "resuming");
    const resumed = first(call, "resumed");
    listeners["online"]?.();
    await resumed;
    await call.finish();
  });
  vi.unstubAllGlobals();
  random.mockRestore();
});
