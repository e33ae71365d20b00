import { useEffect, useState } from "preact/hooks";

/** One value that tells its listeners when it is replaced. */
export interface Observable<T> {
  readonly value: T;
  set(value: T): void;
  /** Calls `listener` after each change; returns what ends that. */
  subscribe(listener: (value: T) => void): () => void;
}

/** Returns an observable that holds `initial`. */
export function observable<T>(initial: T): Observable<T> {
  let current = initial;
  const listeners = new Set<(value: T) => void>();
  return {
    get value() {
      return current;
    },
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** The value of an observable; the component is drawn again when it changes. */
export function useObserved<T>(source: Observable<T>): T {
  const [value, setValue] = useState(() => source.value);
  useEffect(() => {
    setValue(() => source.value);
    return source.subscribe((next) => setValue(() => next));
  }, [source]);
  return value;
}
