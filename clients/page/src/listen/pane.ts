import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { follows } from "./pinning.js";
import type { Pane } from "./pinning.js";

export interface Pinned {
  readonly pane: RefObject<HTMLDivElement | null>;
  readonly following: boolean;
  onScroll(): void;
  toEnd(): void;
  /** Stops following and brings an element into sight. */
  show(element: Element | null | undefined): void;
}

/** A scrolled pane that stays at its end until the reader moves up; `content` changes it. */
export function usePinned(content: unknown): Pinned {
  const pane = useRef<HTMLDivElement>(null);
  const last = useRef<Pane>({ top: 0, height: 0, shown: 0 });
  const following = useRef(true);
  const [shown, setShown] = useState(true);

  const change = useCallback((value: boolean) => {
    following.current = value;
    setShown(value);
  }, []);
  const onScroll = useCallback(() => {
    if (!pane.current) return;
    const now = measured(pane.current);
    change(follows(following.current, last.current, now));
    last.current = now;
  }, []);
  const pin = useCallback(() => {
    const element = pane.current;
    if (!element || !following.current) return;
    element.scrollTop = element.scrollHeight;
    last.current = measured(element);
  }, []);

  useLayoutEffect(pin, [content]);
  useEffect(() => {
    const resized = new ResizeObserver(pin);
    const element = pane.current;
    if (element) resized.observe(element);
    if (element?.firstElementChild) resized.observe(element.firstElementChild);
    return () => resized.disconnect();
  }, []);

  const toEnd = useCallback(() => {
    change(true);
    pin();
    pane.current?.focus();
  }, []);
  const show = useCallback((element: Element | null | undefined) => {
    if (!element) return;
    change(false);
    element.scrollIntoView({ block: "center" });
    if (pane.current) last.current = measured(pane.current);
  }, []);
  return { pane, following: shown, onScroll, toEnd, show };
}

function measured(element: Element): Pane {
  return { top: element.scrollTop, height: element.scrollHeight, shown: element.clientHeight };
}
