/** A larger file is not decoded only to look at it, bytes. */
const MOST_BYTES = 50_000_000;
const ANY_RATE = 44_100;

/** How many channels a call takes of a file: two if it has two. Null if that cannot be told. */
export async function channelsOf(file: Blob): Promise<1 | 2 | null> {
  if (file.size > MOST_BYTES) return null;
  try {
    const context = new OfflineAudioContext(1, 1, ANY_RATE);
    const audio = await context.decodeAudioData(await file.arrayBuffer());
    return audio.numberOfChannels === 2 ? 2 : 1;
  } catch {
    return null; // starting the call says why
  }
}
