/** Zero crossings of the kernel on each side. */
const REACH = 16;

/** Converts samples from one rate to another, by a sinc kernel with a Hann window. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const ratio = to / from;
  const cutoff = Math.min(1, ratio);
  const reach = REACH / cutoff;
  return Float32Array.from({ length: Math.round(samples.length * ratio) }, (_, index) => {
    const centre = index / ratio;
    let sum = 0;
    const last = Math.min(samples.length - 1, Math.floor(centre + reach));
    for (let at = Math.max(0, Math.ceil(centre - reach)); at <= last; at += 1) {
      const distance = centre - at;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach);
      sum += samples[at]! * sinc(distance * cutoff) * window;
    }
    return sum * cutoff;
  });
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
