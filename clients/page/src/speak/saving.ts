/** How the server writes a transcript (docs/calls.md). */
export const FORMATS = ["txt", "json", "srt", "vtt"] as const;
export type Format = (typeof FORMATS)[number];

/** Saves what the server has of a call as a file. Throws an `Error` that says why it could not. */
export async function saveTranscript(sessionId: string, format: Format): Promise<void> {
  const answer = await fetch(`v1/sessions/${sessionId}/transcript?format=${format}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = `${sessionId.slice(0, 8)}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be reading it
}
