import { strings } from "../strings.js";
import type { Leg } from "./entries.js";

/** What a leg is called: its label, else its channel and, among several calls, its call. */
export function roleOf(leg: Leg, legs: readonly Leg[]): string {
  if (leg.role) return leg.role;
  const sessions = [...new Set(legs.map((each) => each.session))];
  const { channel, call } = strings.listen;
  if (sessions.length === 1) return channel(leg.channel);
  const alone = legs.filter((each) => each.session === leg.session).length === 1;
  const name = call(sessions.indexOf(leg.session) + 1);
  return alone ? name : `${name}, ${channel(leg.channel)}`;
}
