/** One value of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format; lines that are none of its samples are left out. */
export function readMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : LINE.exec(line);
    if (!match) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(LABEL)) {
      labels[name!] = value!.replace(/\\(.)/g, (_, mark: string) => (mark === "n" ? "\n" : mark));
    }
    samples.push({ name: match[1]!, labels, value: Number(match[3]!.replace("Inf", "Infinity")) });
  }
  return samples;
}

/** Refusals since the process began, by reason. */
export function refusals(samples: readonly Sample[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (name === "callscribe_refusals_total") found.set(labels["reason"] ?? "", value);
  }
  return found;
}

/** Mean of a histogram in s, or null while it is empty. */
export function mean(samples: readonly Sample[], histogram: string): number | null {
  const value = (name: string): number => samples.find((each) => each.name === name)?.value ?? 0;
  const count = value(`${histogram}_count`);
  return count ? value(`${histogram}_sum`) / count : null;
}
