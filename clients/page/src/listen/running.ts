/** Running calls that are read together: those of one conversation, or a single one. */
export interface RunningCall {
  /** By which they are found. */
  readonly name: string;
  readonly sessions: number;
  readonly labels: readonly string[];
  readonly channels: number;
  /** When the first began, in s since 1970. */
  readonly started: number;
}

interface Listed {
  session_id: string;
  conversation_id?: string;
  name?: string;
  channels: number;
  channel_labels?: readonly string[];
  started: number;
}

/** Reads the answer of `GET /v1/sessions`: the newest calls first. */
export function grouped(body: unknown): RunningCall[] {
  const sessions = (body as { sessions?: readonly Listed[] } | null)?.sessions ?? [];
  const byName = new Map<string, RunningCall>();
  for (const each of sessions) {
    const name = each.conversation_id ?? each.name ?? each.session_id;
    const known = byName.get(name);
    byName.set(name, {
      name,
      sessions: (known?.sessions ?? 0) + 1,
      labels: [...(known?.labels ?? []), ...(each.channel_labels ?? [])],
      channels: (known?.channels ?? 0) + each.channels,
      started: Math.min(known?.started ?? each.started, each.started),
    });
  }
  return [...byName.values()].sort((a, b) => b.started - a.started);
}
