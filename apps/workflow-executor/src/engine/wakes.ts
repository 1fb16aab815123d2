/** A promise that is resolved by a wake, or after a time. */
export interface NextWake {
  readonly promise: Promise<void>;
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
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => (wake = resolve));
    const timer = setTimeout(() => wake(), timeoutMs);
    const wakes = this.byKey.get(key) ?? new Set();
    this.byKey.set(key, wakes.add(wake));
    const cancel = () => {
      clearTimeout(timer);
      wakes.delete(wake);
      if (wakes.size === 0 && this.byKey.get(key) === wakes) this.byKey.delete(key);
    };
    void promise.then(cancel);
    return { promise, cancel };
  }

  wake(key: string): void {
    this.byKey.get(key)?.forEach((wake) => wake());
  }

  wakeAll(): void {
    for (const wakes of this.byKey.values()) wakes.forEach((wake) => wake());
  }
}
