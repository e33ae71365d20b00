import { strings } from "./strings.js";

/** Who speaks: a channel's label, if it has one, and which of its speakers, where that is known. */
export function named(label: string, speaker: number | null): string {
  const told = speaker === null ? "" : strings.speaker(speaker);
  return [label, told].filter((each) => each).join(", ");
}
