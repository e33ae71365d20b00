import { useEffect, useState } from "preact/hooks";

export const VIEWS = ["speak", "listen", "look"] as const;
export type View = (typeof VIEWS)[number];

/**
 * What the address shows: a view, the call that is named behind it, and options of `speak`. All of
 * it stands in the hash, which browsers do not send: options may hold names of people.
 */
export interface Route {
  view: View;
  call: string;
  query: string;
}

/** Reads a location's hash, such as `#listen/<call>`; an unknown one is the first view. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const [name = "", ...rest] = path.split("/");
  const view = VIEWS.find((each) => each === name) ?? "speak";
  return { view, call: view === "speak" ? "" : decoded(rest.join("/")), query };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the hash that shows a route. */
export function hashOf(view: View, call = ""): string {
  return call ? `#${view}/${encodeURIComponent(call)}` : `#${view}`;
}

/** The current route, which follows the address. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parseRoute(hash);
}
