import { COLUMN_S, SHOWN_S } from "./peaks.js";
import type { Sound } from "./sound.js";
import type { Span } from "./spans.js";

/** Colours of the drawing, as the style sheet has them. */
export interface Colours {
  legs: readonly string[];
  line: string;
  quiet: string;
}

/** Draws the last seconds of a sound: a lane for each leg, with its speech behind the outline. */
export function draw(
  canvas: CanvasRenderingContext2D, width: number, height: number, sound: Sound, colours: Colours,
): void {
  canvas.clearRect(0, 0, width, height);
  const begin = sound.endS - SHOWN_S;
  const x = (seconds: number): number => ((seconds - begin) / SHOWN_S) * width;
  const lane = height / sound.peaks.length;
  drawSeconds(canvas, begin, x, height, colours);
  for (const channel of sound.peaks.keys()) {
    const colour = colours.legs[channel] ?? colours.quiet;
    const spans = sound.spans.filter((each) => each.channel === channel);
    canvas.save();
    canvas.beginPath();
    canvas.rect(0, channel * lane, width, lane);
    canvas.clip();
    canvas.translate(0, channel * lane);
    drawSpans(canvas, spans, x, lane, colour, sound.endS);
    drawOutline(canvas, sound, channel, begin, width, lane, colour);
    canvas.restore();
  }
}

function drawSeconds(
  canvas: CanvasRenderingContext2D, begin: number, x: (s: number) => number, height: number,
  colours: Colours,
): void {
  canvas.fillStyle = colours.line;
  for (let second = Math.max(0, Math.ceil(begin / 5) * 5); second < begin + SHOWN_S; second += 5) {
    canvas.fillRect(Math.round(x(second)), 0, 1, height);
  }
}

/** An ended utterance has a line at its end, and a thin one where the end was decided. */
function drawSpans(
  canvas: CanvasRenderingContext2D, spans: readonly Span[], x: (s: number) => number, lane: number,
  colour: string, now: number,
): void {
  for (const { start, end, decided } of spans) {
    canvas.fillStyle = colour;
    canvas.globalAlpha = 0.16;
    canvas.fillRect(x(start), 0, x(end ?? now) - x(start), lane);
    canvas.globalAlpha = 1;
    if (end === null) continue;
    canvas.fillRect(x(end) - 1, 0, 2, lane);
    canvas.globalAlpha = 0.5;
    canvas.fillRect(x(end), lane - 2, x(decided) - x(end), 2);
    canvas.globalAlpha = 1;
  }
}

function drawOutline(
  canvas: CanvasRenderingContext2D, sound: Sound, channel: number, begin: number, width: number,
  lane: number, colour: string,
): void {
  const peaks = sound.peaks[channel]!;
  const first = Math.max(0, Math.floor(begin / COLUMN_S));
  const last = Math.floor(sound.endS / COLUMN_S);
  const each = (width * COLUMN_S) / SHOWN_S;
  canvas.fillStyle = colour;
  for (let column = first; column <= last; column++) {
    const size = Math.max(1, shape(peaks.at(column)) * (lane - 4));
    const left = (column * COLUMN_S - begin) / SHOWN_S * width;
    canvas.fillRect(left, (lane - size) / 2, Math.max(each, 0.75), size);
  }
}

/** Quiet speech must show, so heights follow the square root. */
function shape(peak: number): number {
  return Math.sqrt(Math.min(1, peak));
}
