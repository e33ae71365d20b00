/** Unread items; beyond these, items that a later one replaces are dropped. */
export const MOST_UNREAD = 1000;

/** What waits for an iterator: every item in order, then the end or the failure. */
export class Inbox<T> implements AsyncIterableIterator<T> {
  #items: T[] = [];
  #over = false;
  #failure: Error | null = null;
  #waiting: (() => void) | null = null;
  readonly #forgotten: (inbox: Inbox<T>) => void;

  /** `forgotten` is called once the iterator is left. */
  constructor(forgotten: (inbox: Inbox<T>) => void) {
    this.#forgotten = forgotten;
  }

  /** Adds an item; `replaceable`: a later one says the same. */
  add(item: T, replaceable: boolean): void {
    if (replaceable && this.#items.length >= MOST_UNREAD) return;
    this.#items.push(item);
    this.#waiting?.();
  }

  /** Ends it behind the items that are unread. */
  end(failure: Error | null): void {
    this.#over = true;
    this.#failure = failure;
    this.#waiting?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    while (this.#items.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
    if (this.#items.length > 0) return { done: false, value: this.#items.shift() as T };
    this.#forgotten(this);
    if (this.#failure === null) return { done: true, value: undefined };
    const failure = this.#failure;
    this.#failure = null;
    throw failure;
  }

  /** Leaves the iterator; what is unread is dropped. */
  async return(): Promise<IteratorResult<T>> {
    this.#forgotten(this);
    this.#items = [];
    this.#over = true;
    this.#failure = null;
    return { done: true, value: undefined };
  }
}
