/** How loud one leg is. Times are seconds of audio. */
export interface Level {
  /** dBFS of the last stretch; `SILENT` for less than one step of 16 bits. */
  rms: number;
  /** The highest sample of the last second, dBFS. */
  peak: number;
  /** A sample within the last two seconds was as large as a sample can be. */
  clipping: boolean;
  /** How long there has been nothing but digital silence. */
  silentS: number;
}

export const SILENT = -100;
const LARGEST = 0.999;
const SMALLEST = 1 / 32768;
const WINDOW_S = 0.1;
const PEAK_S = 1;
const CLIPPING_S = 2;

export const QUIET: Level = { rms: SILENT, peak: SILENT, clipping: false, silentS: 0 };

/** Measures one leg. Audio arrives in pieces of any length. */
export class LevelMeter {
  #level = QUIET;
  #now = 0;
  #sum = 0;
  #count = 0;
  #peakAt = 0;
  #clippedAt = -CLIPPING_S;

  get level(): Level {
    return this.#level;
  }

  heard(samples: Float32Array, sampleRate: number): void {
    if (!samples.length) return;
    let peak = 0;
    for (const sample of samples) {
      const size = Math.abs(sample);
      if (size > peak) peak = size;
      this.#sum += sample * sample;
    }
    this.#count += samples.length;
    const lasted = samples.length / sampleRate;
    this.#now += lasted;
    if (peak >= LARGEST) this.#clippedAt = this.#now;
    this.#level = {
      rms: this.#rms(sampleRate),
      peak: this.#highest(decibels(peak)),
      clipping: this.#now - this.#clippedAt < CLIPPING_S,
      silentS: peak < SMALLEST ? this.#level.silentS + lasted : 0,
    };
  }

  #rms(sampleRate: number): number {
    if (this.#count < sampleRate * WINDOW_S) return this.#level.rms;
    const rms = decibels(Math.sqrt(this.#sum / this.#count));
    this.#sum = this.#count = 0;
    return rms;
  }

  #highest(peak: number): number {
    const old = this.#now - this.#peakAt > PEAK_S;
    if (!old && peak < this.#level.peak) return this.#level.peak;
    this.#peakAt = this.#now;
    return peak;
  }
}

/** dBFS of an amplitude from 0 to 1. */
export function decibels(amplitude: number): number {
  return amplitude < SMALLEST ? SILENT : 20 * Math.log10(amplitude);
}
