// @vitest-environment happy-dom
import { act, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket as Ws } from "ws";

import { useCall, type UsedCall } from "../src/react.js";
import { MULAW, SPAN } from "./calls.js";
import { type Peer, serving } from "./peer.js";

let root: Root;
let used: UsedCall;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  root = createRoot(document.body.appendChild(document.createElement("div")));
});
afterEach(() => {
  act(() => root.unmount());
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

function Captions({ url }: { url: string }) {
  used = useCall(url, () => ({ format: MULAW, WebSocket: Ws as never }));
  return (
    <>
      <h1>{used.failure?.code ?? used.state}</h1>
      {used.finals.map((final) => (
        <p key={final.seq}>{final.text}</p>
      ))}
      {[...used.partials.values()].map((partial) => (
        <em key={partial.channel}>{partial.text}</em>
      ))}
    </>
  );
}

const shown = (): string => document.body.textContent ?? "";

async function until(text: string): Promise<void> {
  // React renders what happens within `act` when it is over.
  for (let turn = 0; turn < 300 && shown() !== text; turn += 1) {
    await act(() => new Promise<void>((resolve) => setTimeout(resolve, 10)));
  }
  expect(shown()).toBe(text);
}

function show(url: string): void {
  act(() =>
    root.render(
      <StrictMode>
        <Captions url={url} />
      </StrictMode>,
    ),
  );
}

test("a component shows a call from its start to its end", async () => {
  const steps: (() => void)[] = [];
  const step = (): Promise<void> => new Promise((resolve) => steps.push(resolve));
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    await step();
    peer.say("partial", { ...SPAN, text: "hel" });
    await step();
    peer.say("final", { ...SPAN, seq: 1, text: "Hello." });
    await peer.until("finalize");
  };
  await serving(script, async (url) => {
    show(url);
    expect(shown()).toBe("idle");
    act(() => used.start());
    await until("open");
    steps.shift()?.();
    await until("openhel");
    steps.shift()?.();
    await until("openHello.");
    await act(() => used.finish());
    expect(shown()).toBe("finishedHello.");
  });
});

test("a call that starts again begins with nothing said; one that fails says why", async () => {
  const script = [
    async (peer: Peer) => {
      await peer.accept();
      peer.say("final", { ...SPAN, seq: 1, text: "Hello." });
      await peer.closed();
    },
    async (peer: Peer) => {
      await peer.text();
      peer.say("error", { code: "unknown_language", message: "no" });
      peer.socket.close(1008, "unknown_language");
    },
  ];
  await serving(script, async (url) => {
    show(url);
    act(() => used.start());
    await until("openHello.");
    act(() => used.start());
    await until("unknown_language");
    await expect(used.finish()).rejects.toBe(used.failure);
  });
});

test("a component that goes away leaves its call", async () => {
  let code = 0;
  const script = async (peer: Peer): Promise<void> => {
    await peer.accept();
    code = await peer.closed();
  };
  await serving(script, async (url) => {
    show(url);
    act(() => used.start());
    await until("open");
    act(() => root.render(null));
    await vi.waitUntil(() => code === 1000);
  });
});
