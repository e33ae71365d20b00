/** How long the waveform reaches back, s of audio. */
export const SHOWN_S = 30;
/** Audio of one column, s. */
export const COLUMN_S = 0.02;
const COLUMNS = Math.ceil(SHOWN_S / COLUMN_S) + 1;

/** The outline of one leg's last audio: the largest sample of each column. */
export class Peaks {
  #columns = new Float32Array(COLUMNS);
  #end = 0; // columns begun since the call began

  /** Adds audio whose first sample stands at `position`, in samples since the call began. */
  heard(samples: Float32Array, position: number, sampleRate: number): void {
    const perColumn = sampleRate * COLUMN_S;
    let index = 0;
    while (index < samples.length) {
      const column = Math.floor((position + index) / perColumn);
      const stop = Math.min(samples.length, Math.ceil((column + 1) * perColumn) - position);
      this.#begin(column);
      let largest = this.#columns[column % COLUMNS]!;
      for (; index < stop; index++) largest = Math.max(largest, Math.abs(samples[index]!));
      this.#columns[column % COLUMNS] = largest;
    }
  }

  /** The largest sample of a column, from 0 to 1; 0 where nothing is kept. */
  at(column: number): number {
    const kept = column >= 0 && column < this.#end && column > this.#end - COLUMNS;
    return kept ? this.#columns[column % COLUMNS]! : 0;
  }

  #begin(column: number): void {
    for (let each = Math.max(this.#end, column - COLUMNS + 1); each <= column; each++) {
      this.#columns[each % COLUMNS] = 0;
    }
    this.#end = Math.max(this.#end, column + 1);
  }
}
