import { denialIn, may } from "./access/access.js";
import { request } from "./server.js";
import { strings } from "./strings.js";

/** How the server writes a transcript (docs/calls.md). */
export const FORMATS = ["txt", "json", "srt", "vtt"] as const;
export type Format = (typeof FORMATS)[number];

/** Saves what the server has of a call as `<name>.<format>`. Throws an `Error` that says why not. */
export async function saveTranscript(call: string, format: Format, name: string): Promise<void> {
  if (!may("read")) throw new Error(strings.access.lacks.read);
  const path = `v1/sessions/${encodeURIComponent(call)}/transcript?format=${format}`;
  const answer = await request(path);
  if (!answer.ok) {
    const said = denialIn(await answer.json().catch(() => null));
    throw new Error(said?.message ?? `HTTP ${answer.status}`);
  }
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be reading it
}
