/** Writes seconds since the call began as `1:02.3` or `1:01:02.3`; `digits` after the point. */
export function clock(seconds: number, digits = 1): string {
  const scale = 10 ** digits;
  const ticks = Math.max(0, Math.floor(seconds * scale + 1e-6));
  const whole = Math.floor(ticks / scale);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  const fraction = digits ? `.${String(ticks % scale).padStart(digits, "0")}` : "";
  const ahead = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes);
  return `${ahead}:${rest}${fraction}`;
}

/** Writes a time that passed in the unit that suits it: `0.4 ms`, `35 ms`, `1.24 s`. */
export function duration(seconds: number): string {
  const ms = seconds * 1000;
  if (Math.abs(ms) < 9.95) return `${ms.toFixed(1)} ms`;
  return Math.abs(ms) < 999.5 ? `${ms.toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

/** Writes how long something lasts already: `12 s`, `5 min`, `3 h 20 min`, `2 d 4 h`. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Writes a number of bytes as `812 B`, `3.4 kB` or `120 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const [size, unit] = count < 1e6 ? [count / 1e3, "kB"] : [count / 1e6, "MB"];
  return `${size < 10 ? size.toFixed(1) : size.toFixed(0)} ${unit}`;
}

/** The value below which `share` (0 to 1) of the values lie, by the nearest rank; NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}
