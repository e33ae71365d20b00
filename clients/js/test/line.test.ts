import { expect, test, vi } from "vitest";

import { bytes, events, first, kinds, MULAW, mulaw, SPAN, texts } from "./calls.js";
import { type Peer, serving, type Verify } from "./peer.js";

const ends = async (peer: Peer): Promise<void> => void (await peer.resume());
const nobodyBehind: Verify = (request) => (request.url?.includes("resume=1") ? 502 : 0);

test("audio that a cut swallowed is sent again", async () => {
  const seen: Record<string, unknown> = {};
  const script = [
    async (peer: Peer) => {
      seen["opened"] = await peer.accept();
      await peer.untilAudio(6);
      peer.say("audio_ack", { position: 2 });
      peer.say("final", { ...SPAN, seq: 3, text: "hello" });
      peer.cut();
    },
    async (peer: Peer) => {
      seen["path"] = peer.request.url;
      seen["config"] = await peer.resume({ position: 4 });
      await peer.until("finalize");
      seen["audio"] = peer.audio;
      peer.say("final", { ...SPAN, utterance: 2, seq: 4, text: "again" });
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url, { language: "en" });
    const all = events(call);
    void call.send(bytes("abcdef"));
    const resumed = await first<{ afterS: number; position: number }>(call, "resumed");
    expect(resumed.position).toBe(0.001);
    expect(resumed.afterS).toBeGreaterThanOrEqual(0);
    void call.send(bytes("gh"));
    await call.finish();
    expect(texts(await all)).toEqual(["hello", "again"]);
  });
  expect(seen["opened"]).toEqual({
    ...{ type: "config", ...MULAW, channels: 1, language: "en", events: ["audio_ack"] },
  });
  expect(seen["path"]).toBe("/ws/asr?resume=1");
  expect(seen["config"]).toMatchObject({ type: "config", resume: "t1", seq: 3 });
  expect(seen["config"]).toHaveProperty("attempt");
  expect(seen["audio"]).toBe("efgh");
});

test.each([true, false])("a control before a cut comes twice only if lost: %s", async (took) => {
  const seen: unknown[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      await peer.until("flush");
      peer.cut();
    },
    async (peer: Peer) => {
      await peer.resume({ position: 2, controls: Number(took) });
      seen.push((await peer.text())["type"]);
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url);
    void call.send(bytes("ab"));
    call.flush();
    await first(call, "resumed");
    await call.finish();
  });
  expect(seen).toEqual([took ? "finalize" : "flush"]);
});

test("a change that was refused is no obstacle to resuming", async () => {
  const seen: unknown[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      await peer.until("config");
      peer.say("error", { code: "invalid_option", message: "nobody speaks that" });
      await peer.untilAudio(2);
      peer.say("audio_ack", { position: 1 });
      peer.cut();
    },
    async (peer: Peer) => {
      await peer.resume({ position: 2 });
      seen.push(await peer.text());
      await peer.until("finalize");
      peer.cut();
    },
    // The server counts what it was sent in place of the refused one.
    async (peer: Peer) => {
      await peer.resume({ position: 2, controls: 2, ended: true });
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url);
    const all = events(call);
    call.configure({ language: "klingon" });
    void call.send(bytes("ab"));
    await first(call, "resumed");
    await call.finish();
    expect(kinds(await all)).toEqual(["session_created", "error", "resumed", "resumed"]);
  });
  expect(seen).toEqual([{ type: "config" }]);
});

test.each([false, true])("a cut during the end: it took effect: %s", async (took) => {
  const seen: string[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      await peer.until("finalize");
      peer.say("final", { ...SPAN, seq: 1, text: "one" });
      peer.cut();
    },
    async (peer: Peer) => {
      expect(await peer.resume({ position: 1, controls: Number(took) })).toHaveProperty("seq", 1);
      if (!took) await peer.until("finalize");
      peer.say("final", { ...SPAN, utterance: 2, seq: 2, text: "two" });
      seen.push(peer.audio);
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url);
    const all = events(call);
    void call.send(bytes("ab"));
    await call.finish();
    expect(texts(await all)).toEqual(["one", "two"]);
  });
  expect(seen).toEqual([took ? "" : "b"]);
});

test("what a resumed server repeats is not told again", async () => {
  const tell = (peer: Peer): void => {
    peer.say("speech_started", { channel: 0, utterance: 1, start: 0, at: 0.5 });
    peer.say("final", { ...SPAN, seq: 1, text: "hello" });
    peer.say("gap", { channel: 0, start: 2, end: 3 });
  };
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      tell(peer);
      await peer.cutBehind();
    },
    async (peer: Peer) => {
      await peer.resume();
      peer.say("partial", { ...SPAN, text: "hel" });
      tell(peer);
      await peer.until("finalize");
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url, { events: ["speech_started", "gap"] });
    const all = events(call);
    await first(call, "resumed");
    await call.finish();
    const told = ["session_created", "speech_started", "final", "gap", "resumed"];
    expect(kinds(await all)).toEqual(told);
  });
});

test("a server that goes away is left immediately for the next", async () => {
  const random = vi.spyOn(Math, "random").mockReturnValue(1e9);
  const leaving = async (peer: Peer): Promise<void> => {
    await peer.accept();
    peer.say("error", { code: "going_away", message: "bye", resume_within: 60 });
    peer.socket.close(1012, "going_away");
  };
  const next = async (peer: Peer): Promise<void> => {
    await peer.resume();
    await peer.until("finalize");
  };
  await serving(leaving, (old) =>
    serving(next, async (url) => {
      const call = mulaw([old, url]);
      const all = events(call);
      await first(call, "resumed");
      await call.finish();
      expect(kinds(await all)).toEqual(["session_created", "resumed"]);
    }),
  );
  random.mockRestore();
});

test("a refusal while resuming is waited for", async () => {
  const asked: unknown[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      peer.cut();
    },
    async (peer: Peer) => {
      await peer.text();
      peer.say("error", { code: "unavailable", message: "Redis is away" });
      peer.socket.close(1013, "unavailable");
    },
    async (peer: Peer) => {
      await peer.resume();
      await peer.until("finalize");
    },
  ];
  const verify: Verify = (request) => (asked.push(request.url) === 2 ? 503 : 0);
  await serving(
    script,
    async (url) => {
      const call = mulaw(url);
      await first(call, "resumed");
      await call.finish();
    },
    verify,
  );
  expect(asked).toEqual(["/ws/asr", ...Array(3).fill("/ws/asr?resume=1")]);
});

test("attempts have rising numbers, whatever became of the one before", async () => {
  const attempts: number[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      await peer.untilAudio(3);
      peer.cut();
    },
    async (peer: Peer) => {
      attempts.push((await peer.text())["attempt"] as number);
      peer.cut();
    },
    async (peer: Peer) => {
      attempts.push((await peer.resume({ position: 1 }))["attempt"] as number);
      peer.cut();
    },
    async (peer: Peer) => {
      attempts.push((await peer.resume({ position: 2 }))["attempt"] as number);
      await peer.until("finalize");
      expect(peer.audio).toBe("c");
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url);
    void call.send(bytes("abc"));
    await first(call, "resumed");
    await first(call, "resumed");
    await call.finish();
  });
  expect(attempts).toHaveLength(3);
  expect(attempts).toEqual([...new Set(attempts)].sort((a, b) => a - b));
});

test("sending waits when more is kept than the buffer holds, and goes on with acks", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.untilAudio(20_001);
    await peer.until("flush");
    peer.say("audio_ack", { position: 20_000 });
    await peer.until("finalize");
  };
  await serving(script, async (url) => {
    const call = mulaw(url, { replayS: 5 });
    await first(call, "created");
    await call.send(new Uint8Array(20_000));
    const states: string[] = [];
    const sending = call.send(bytes("x")).then(() => states.push("sent"));
    call.on("message", ({ text }) => text?.includes("audio_ack") && states.push("acknowledged"));
    call.flush();
    await sending;
    expect(states).toEqual(["acknowledged", "sent"]);
    await call.finish();
  });
});

test("a sender that does not wait ends the call, and is told", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.closed();
  };
  await serving(script, async (url) => {
    const call = mulaw(url, { replayS: 5 });
    for (let seconds = 0; seconds < 17; seconds += 1) void call.send(new Uint8Array(4_000));
    await expect(call.finish()).rejects.toMatchObject({ code: "overrun" });
  });
});

test("sending goes on while the connection is broken", async () => {
  let back = false;
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      peer.cut();
    },
    async (peer: Peer) => {
      await peer.resume();
      await peer.until("finalize");
      expect(peer.audio).toBe("abc");
    },
  ];
  const verify: Verify = (request) => (back ? 0 : nobodyBehind(request));
  await serving(
    script,
    async (url) => {
      const call = mulaw(url);
      for (const piece of ["a", "b", "c"]) await call.send(bytes(piece));
      const finished = call.finish();
      back = true;
      await finished;
    },
    verify,
  );
});

test("a server that stops answering is left, with a code that keeps the call", async () => {
  const codes: number[] = [];
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      codes.push(await peer.closed());
    },
    async (peer: Peer) => {
      await peer.resume({ position: 24_000 });
      await peer.until("finalize");
    },
  ];
  await serving(script, async (url) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const call = mulaw(url);
    await first(call, "created");
    void call.send(new Uint8Array(24_000));
    await vi.advanceTimersByTimeAsync(9_000);
    expect(call.state).toBe("open");
    await vi.advanceTimersByTimeAsync(3_000);
    vi.useRealTimers();
    expect(call.state).toBe("resuming");
    await first(call, "resumed");
    await call.finish();
  });
  expect(codes).toEqual([4000]);
});

test("acknowledgements are told to a program that asks", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.untilAudio(2);
    peer.say("audio_ack", { position: 1 });
    await peer.until("finalize");
  };
  for (const asks of [false, true]) {
    await serving(script, async (url) => {
      const call = mulaw(url, asks ? { events: ["audio_ack"] } : {});
      const all = events(call);
      await call.send(bytes("ab"));
      await call.finish();
      expect(kinds(await all).includes("audio_ack")).toBe(asks);
    });
  }
});

test("the first server that takes the call has it", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.until("finalize");
  };
  await serving(
    ends,
    (full) =>
      serving(script, async (url) => {
        await mulaw(["ws://127.0.0.1:9/ws/asr", full, url]).finish();
      }),
    () => 503,
  );
});

test("a call that is not to be resumed keeps nothing that was sent", async () => {
  const script = async (peer: Peer): Promise<void> => {
    expect((await peer.accept())["events"]).toEqual([]);
    await peer.untilAudio(30_000);
    peer.cut();
  };
  await serving(script, async (url) => {
    const call = mulaw(url, { resume: false, replayS: 5 });
    await call.send(new Uint8Array(30_000));
    await vi.waitUntil(() => call.state === "failed");
    expect(call.failure).toMatchObject({ code: "disconnected", retryable: true });
  });
});
