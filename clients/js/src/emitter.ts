type Listener = (...values: never[]) => void;

/** Listeners by the name of what they listen to, called in the order in which they were added. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>();

  /** Adds a listener; returns what removes it, as an aborted `signal` does. */
  on<K extends keyof Events>(
    name: K,
    listener: Events[K] & Listener,
    options?: { signal?: AbortSignal },
  ): () => void {
    // Wrapped, so that the same function may listen twice.
    const entry: Listener = (...values) => listener(...values);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const remove = (): void => {
      listeners.delete(entry);
    };
    if (options?.signal?.aborted) return remove;
    listeners.add(entry);
    options?.signal?.addEventListener("abort", remove, { once: true });
    return remove;
  }

  /** Whether anything listens. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /**
   * Calls the listeners. An error of one does not keep the others, or the call, from going on: it
   * is reported as an uncaught one.
   */
  emit<K extends keyof Events>(
    name: K,
    ...values: Events[K] extends (...values: infer V) => void ? V : never
  ): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...(values as unknown as never[]));
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
