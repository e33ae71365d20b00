import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { type RawData, type WebSocket, WebSocketServer } from "ws";

/** The server's end of one connection, and what it has received. */
export class Peer {
  readonly #messages: (string | Buffer)[] = [];
  #waiting: (() => void) | null = null;
  #closed = false;
  audio = "";
  closeCode = 0;

  constructor(
    readonly socket: WebSocket,
    readonly request: IncomingMessage,
  ) {
    socket.on("message", (data: RawData, isBinary: boolean) => {
      this.#messages.push(isBinary ? (data as Buffer) : String(data));
      this.#waiting?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      this.closeCode = code;
      this.#closed = true;
      this.#waiting?.();
    });
  }

  say(type: string, fields: object = {}): void {
    this.socket.send(JSON.stringify({ type, ...fields }));
  }

  /** Reads the config and creates the session. */
  async accept(): Promise<Record<string, unknown>> {
    const config = await this.text();
    this.say("session_created", { session_id: "s1", resume_token: "t1" });
    return config;
  }

  /** Reads the config that resumes the call, and says how far it came. */
  async resume(place: object = {}): Promise<Record<string, unknown>> {
    const config = await this.text();
    const token = { session_id: "s1", resume_token: "t1", resumed: true };
    this.say("session_created", { ...token, position: 0, controls: 0, seq: 0, ...place });
    return config;
  }

  async next(): Promise<string | Buffer> {
    while (this.#messages.length === 0) {
      if (this.#closed) throw new Error("the client has left");
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
    return this.#messages.shift() as string | Buffer;
  }

  async text(): Promise<Record<string, unknown>> {
    return JSON.parse(String(await this.next()));
  }

  /** Collects audio until a text message of this type. */
  async until(type: string): Promise<Record<string, unknown>> {
    for (;;) {
      const message = await this.next();
      if (typeof message !== "string") this.audio += message.toString("latin1");
      else if (JSON.parse(message).type === type) return JSON.parse(message);
    }
  }

  /** Collects audio until there are this many bytes. */
  async untilAudio(size: number): Promise<void> {
    while (this.audio.length < size) this.audio += (await this.next()).toString("latin1");
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.socket.terminate();
  }

  /** Breaks the connection once everything said before is on its way. */
  async cutBehind(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.send("{}", () => resolve()));
    this.cut();
  }

  async closed(): Promise<number> {
    if (!this.#closed) await once(this.socket, "close");
    return this.closeCode;
  }
}

export type Script = (peer: Peer) => Promise<void> | void;

/**
 * What a server of HTTP answers in place of the handshake: a status, or one with a body; 0:
 * nothing, the handshake goes on.
 */
export type Verify = (request: IncomingMessage) => number | readonly [number, string];

/**
 * Serves while `use` runs, and plays a script with every connection; of several, the next one with
 * each. What fails in a script fails the test.
 */
export async function serving(
  scripts: Script | Script[],
  use: (url: string) => Promise<void>,
  verify: Verify = () => 0,
): Promise<void> {
  const http = createServer((request, response) => {
    const [status, body = ""] = [verify(request)].flat() as [number, string?];
    response.writeHead(status || 426).end(body);
  });
  const server = new WebSocketServer({
    server: http,
    handleProtocols: () => "callscribe",
    verifyClient: ({ req }, answer) => {
      const [status, body] = [verify(req)].flat() as [number, string?];
      answer(status === 0, status, body, { "Retry-After": "0" });
    },
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const left = [scripts].flat();
  const failures: unknown[] = [];
  server.on("connection", async (socket, request) => {
    const script = scripts instanceof Array ? left.shift() : scripts;
    try {
      if (script === undefined) throw new Error("a connection that no script expects");
      await script(new Peer(socket, request));
      if (socket.readyState === socket.OPEN) socket.close(1000, "finished");
    } catch (failure) {
      failures.push(failure);
    }
  });
  const { port } = http.address() as AddressInfo;
  try {
    await use(`ws://127.0.0.1:${port}/ws/asr`);
  } finally {
    for (const client of server.clients) client.terminate();
    server.close();
    http.close();
  }
  if (failures.length > 0) throw failures[0];
}
