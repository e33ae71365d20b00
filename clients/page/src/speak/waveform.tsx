import type { ComponentChild } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { strings } from "../strings.js";
import { type Colours, draw } from "./drawing.js";
import type { Speaking } from "./speaking.js";

/** Without motion the drawing moves on in steps, ms. */
const STEP_MS = 1000;

/** The outline of the last sound, with speech and endpoints, drawn while it is seen. */
export function Waveform({ speaking, legs }: { speaking: Speaking; legs: number }): ComponentChild {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => (canvas.current ? keepDrawing(canvas.current, speaking) : undefined), [speaking]);
  return (
    <canvas ref={canvas} class={`waveform legs-${legs}`} role="img"
      aria-label={strings.speak.waveform} />
  );
}

function keepDrawing(canvas: HTMLCanvasElement, speaking: Speaking): () => void {
  const context = canvas.getContext("2d");
  if (!context) return () => undefined;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = "";
  let drawnAt = 0;
  let frame = 0;
  const step = (now: number): void => {
    frame = requestAnimationFrame(step);
    const { clientWidth: width, clientHeight: height } = canvas;
    const { sound } = speaking;
    const theme = getComputedStyle(canvas).color;
    const size = `${width} ${height} ${devicePixelRatio} ${sound.peaks.length}`;
    const wanted = `${size} ${theme} ${sound.changes}`;
    if (!width || wanted === drawn || (calm.matches && now - drawnAt < STEP_MS)) return;
    drawn = wanted;
    drawnAt = now;
    fit(canvas, context, width, height);
    draw(context, width, height, sound, coloursOf(canvas));
  };
  frame = requestAnimationFrame(step);
  return () => cancelAnimationFrame(frame);
}

function fit(
  canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, width: number, height: number,
): void {
  const across = Math.round(width * devicePixelRatio);
  const down = Math.round(height * devicePixelRatio);
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
}

/** `light-dark()` is resolved only in a property that is a colour, so an element has to have it. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const style = getComputedStyle(canvas);
  return {
    legs: [style.caretColor, style.outlineColor],
    line: style.borderTopColor,
    quiet: style.color,
  };
}
