import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";
import { WebSocketServer } from "ws";

import type { Tls } from "../src/index.js";
import { rejection } from "../src/node-socket.js";
import { mulaw } from "./calls.js";
import { Peer } from "./peer.js";

function selfSigned(): { key: Buffer; cert: Buffer } | null {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  const paths = ["key", "cert"].map((name) => join(folder, name)) as [string, string];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const about = ["-nodes", "-subj", "/CN=me", "-addext", "subjectAltName=IP:127.0.0.1"];
  try {
    const files = ["-keyout", paths[0], "-out", paths[1]];
    execFileSync("openssl", [...request, ...about, ...files], { stdio: "ignore" });
    return { key: readFileSync(paths[0]), cert: readFileSync(paths[1]) };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const certificate = selfSigned();
const pem = String(certificate?.cert);
const fingerprint = certificate ? new X509Certificate(certificate.cert).fingerprint256 : "";
const plain = fingerprint.replaceAll(":", "").toLowerCase();
const another = fingerprint.replace(/^../, "zz");

/** Returns what became of a call at a server with the certificate. */
async function called(tls?: Tls): Promise<string> {
  const https = createServer(certificate ?? {});
  const server = new WebSocketServer({ server: https });
  server.on("connection", async (socket, request) => {
    const peer = new Peer(socket, request);
    await peer.accept();
    await peer.until("finalize");
    socket.close(1000);
  });
  https.listen(0, "127.0.0.1");
  await once(https, "listening");
  const { port } = https.address() as AddressInfo;
  const call = mulaw(`wss://127.0.0.1:${port}`, tls ? { tls } : {});
  await call.finish().catch(() => undefined);
  for (const client of server.clients) client.terminate();
  https.close();
  return call.failure?.code ?? call.state;
}

test.skipIf(certificate === null).each<[string, Tls | undefined, string]>([
  ["without anything", undefined, "disconnected"],
  ["by its certificate", { ca: pem }, "finished"],
  ["by its fingerprint", { fingerprint }, "finished"],
  ["by its fingerprint, plain", { fingerprint: plain }, "finished"],
  ["not by another's fingerprint", { fingerprint: another }, "wrong_address"],
])("a self-signed server is trusted %s", async (_, tls, outcome) => {
  expect(await called(tls)).toBe(outcome);
});

test.each([
  [503, "7", "refused", 7],
  [429, "soon", "refused", 5],
  [502, undefined, "disconnected", undefined],
  [404, undefined, "wrong_address", undefined],
  [301, undefined, "wrong_address", undefined],
])("HTTP %i with Retry-After %s is %s", (status, retryAfter, code, retryAfterS) => {
  const failure = rejection("ws://h", status, retryAfter);
  expect([failure.code, failure.retryAfterS]).toEqual([code, retryAfterS]);
});
