/** A promise that is resolved by a wake, or after a time. */
export interface NextWake {
  readonly promise: Promise<void>;
  /** True where it was woken, and not by its time. */
  readonly isWoken: boolean;
  cancel(): void;
}

/** Who is to be woken, by what they wait for. */
export class Wakes {
  private readonly byKey = new Map<string, Set<() => void>>();

  /** What somebody waits for. */
  get keys(): readonly string[] {
    return [...this.byKey.keys()];
  }

  next(key: string, timeoutMs: number): NextWake {
    let resolve: () => void = () => undefined;
    let isWoken = false;
    const promise = new Promise<void>((resolved) => (resolve = resolved));
    const wake = () => {
      isWoken = true;
      resolve();
    };
    const timer = setTimeout(() => resolve(), timeoutMs);
    const wakes = this.byKey.get(key) ?? new Set();
    this.byKey.set(key, wakes.add(wake));
    const cancel = () => {
      clearTimeout(timer);
      wakes.delete(wake);
      if (wakes.size === 0 && this.byKey.get(key) === wakes) this.byKey.delete(key);
    };
    void promise.then(cancel);
    return {
      promise,
      cancel,
      get isWoken() {
        return isWoken;
      },
    };
  }

  wake(key: string): void {
    this.byKey.get(key)?.forEach((wake) => wake());
  }

  /** The one that has waited longest: for what is for one of them alone. */
  wakeOne(key: string): void {
    const wakes = this.byKey.get(key);
    const [first] = wakes ?? [];
    if (!first) return;
    wakes?.delete(first);
    first();
  }

  wakeAll(): void {
    for (const wakes of this.byKey.values()) wakes.forEach((wake) => wake());
  }
}
