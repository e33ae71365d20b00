/** What a scrolled pane measures, in CSS pixels. */
export interface Pane {
  readonly top: number;
  readonly height: number;
  readonly shown: number;
}

/** Distance from the end that still counts as the end. */
const NEAR = 48;

/**
 * Whether the pane follows what is added at its end, after it was scrolled from `before` to `now`.
 *
 * It stops when the reader moves up, and goes on when the end is in sight. Content that grows or
 * shrinks without a move of the reader changes nothing.
 */
export function follows(following: boolean, before: Pane, now: Pane): boolean {
  if (now.height - now.shown - now.top <= NEAR) return true;
  const resized = now.height !== before.height || now.shown !== before.shown;
  return following && (resized || now.top >= before.top);
}
