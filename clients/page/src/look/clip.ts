import { address } from "../server.js";
import clipUrl from "./clip.wav?url";
import { readWav, type Clip } from "./wav.js";

/** What is said in the clip: a sentence of the project's sample call, cut by make_clip.py. */
export const CLIP_TEXT = "So the amount on your bill is only an estimate.";

/** Loads the clip. Rejects where the server does not give it. */
export async function loadClip(signal: AbortSignal): Promise<Clip> {
  const response = await fetch(new URL(clipUrl, address("./")), { signal });
  if (!response.ok) throw new Error(`the server answered ${response.status} for the clip`);
  return readWav(await response.arrayBuffer());
}
