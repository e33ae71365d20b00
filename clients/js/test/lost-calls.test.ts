import { expect, test } from "vitest";

import { bytes, events, first, mulaw, SPAN } from "./calls.js";
import { type Peer, serving } from "./peer.js";

const cut = async (peer: Peer): Promise<void> => {
  await peer.accept();
  peer.cut();
};

test.each([
  ["resume_unknown", 1008, "session_lost"],
  ["session_lost", 1011, "session_lost"],
  ["resumed_elsewhere", 1008, "resumed_elsewhere"],
  ["unfinished", 1011, "unfinished"],
  ["invalid_audio", 1007, "invalid_audio"],
])("what cannot be resumed is a failure of its own: %s", async (code, close, failure) => {
  const second = async (peer: Peer): Promise<void> => {
    if (close === 1008) await peer.text();
    else await peer.resume();
    peer.say("error", { code, message: "sorry" });
    peer.socket.close(close, code);
  };
  await serving([cut, second], async (url) => {
    const call = mulaw(url);
    await expect(events(call)).rejects.toMatchObject({ code: failure });
    expect(call.state).toBe("failed");
    await expect(call.send(bytes("more"))).rejects.toBe(call.failure);
    await expect(call.finish()).rejects.toBe(call.failure);
  });
});

test("a server that begins another call has lost this one", async () => {
  await serving([cut, async (peer) => void (await peer.accept())], async (url) => {
    await expect(events(mulaw(url))).rejects.toThrow("a new call");
  });
});

test("a server that lacks what was acknowledged has lost the call", async () => {
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      await peer.untilAudio(4);
      peer.say("audio_ack", { position: 3 });
      await peer.cutBehind();
    },
    async (peer: Peer) => {
      await peer.resume({ position: 2 });
      await peer.closed();
    },
  ];
  await serving(script, async (url) => {
    const call = mulaw(url);
    void call.send(bytes("abcd"));
    await expect(events(call)).rejects.toMatchObject({ code: "session_lost" });
  });
});

test("patience ends with what is safe", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await peer.untilAudio(4_000);
    peer.say("final", { ...SPAN, seq: 7, text: "hello" });
    peer.say("audio_ack", { position: 2_000 });
    await peer.until("flush");
    peer.cut();
  };
  await serving(
    script,
    async (url) => {
      const call = mulaw(url, { patienceS: 0.2 });
      void call.send(new Uint8Array(4_000));
      await first(call, "final");
      call.flush();
      await expect(events(call)).rejects.toThrow(/HTTP 502; 0\.5 s of its audio .* up to 7 /);
      expect(call.failure).toMatchObject({ code: "disconnected", retryable: true });
    },
    (request) => (request.url?.includes("resume=1") ? 502 : 0),
  );
});

test("a server that ended the call meanwhile gives its results, then the failure", async () => {
  const back = async (peer: Peer): Promise<void> => {
    await peer.resume({ position: 1, ended: true });
    peer.say("final", { ...SPAN, seq: 1, text: "all there is" });
  };
  await serving([cut, back], async (url) => {
    const call = mulaw(url);
    const found: string[] = [];
    call.on("final", (message) => found.push(message.text));
    void call.send(bytes("abcd"));
    await expect(events(call)).rejects.toThrow("this side was away");
    expect(found).toEqual(["all there is"]);
  });
});

test("a server that ends a call that was not finished is no orderly end", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    peer.say("final", { ...SPAN, seq: 1, text: "bye" });
  };
  await serving(script, async (url) => {
    const call = mulaw(url);
    const found = first<{ text: string }>(call, "final");
    await expect(events(call)).rejects.toMatchObject({ code: "disconnected" });
    expect((await found).text).toBe("bye");
  });
});

test("messages that make no sense end the call", async () => {
  for (const nonsense of ["[]", "no JSON", '{"type":"audio_ack"}']) {
    const script = async (peer: Peer): Promise<void> => {
      await peer.accept();
      peer.socket.send(nonsense);
      await peer.closed();
    };
    await serving(script, async (url) => {
      await expect(events(mulaw(url))).rejects.toMatchObject({ code: "protocol" });
    });
  }
});

test("a refused call says which server refuses and how long", async () => {
  const use = async (url: string): Promise<void> => {
    const call = mulaw(url);
    await expect(call.finish()).rejects.toMatchObject({ code: "refused", retryAfterS: 0 });
    expect(call.failure?.message).toBe(`${url} accepts no calls now (HTTP 503)`);
  };
  await serving(cut, use, () => 503);
});

test.each([
  [404, "wrong_address"],
  [502, "disconnected"],
])("HTTP %i in place of a handshake is %s", async (status, code) => {
  const use = async (url: string): Promise<void> => {
    await expect(mulaw(url).finish()).rejects.toMatchObject({ code });
  };
  await serving(cut, use, () => status);
});

test("an option that the server refuses fails the call with the server's words", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.text();
    peer.say("error", { code: "unknown_language", message: "known are …" });
    peer.socket.close(1008, "unknown_language");
  };
  await serving(script, async (url) => {
    const call = mulaw(url, { language: "klingon" });
    await expect(events(call)).rejects.toThrow("known are …");
    expect(call.failure).toMatchObject({ code: "unknown_language", retryable: false });
  });
});

test("a call without resuming is told why the server ends it", async () => {
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    peer.socket.close(1012, "going_away");
  };
  await serving(script, async (url) => {
    await expect(events(mulaw(url, { resume: false }))).rejects.toMatchObject({
      code: "going_away",
    });
  });
});
