import type { JsonObject } from '@agent-platform/contracts';

/** The longest delay of a timer of Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A step that waits for a time, or for something to happen to the run. */
interface Sleeper {
  /** Undefined: only for something to happen. */
  readonly until: number | undefined;
  readonly waitingFor: JsonObject;
  readonly wake: () => void;
  readonly interrupt: (reason: Error) => void;
}

/** What a run waits for while none of its steps does anything. */
export interface StandStill {
  readonly waitingFor: JsonObject;
  readonly until: number | undefined;
}

/**
 * Knows how many steps of a run do something and which only wait, and says when nothing but waiting is left: such a run may
 * leave the memory.
 */
export class Sleepers {
  private readonly asleep = new Map<string, Sleeper>();
  /** Ends of time limits around steps, which a run out of memory must not miss. */
  private readonly deadlines = new Map<string, number>();
  private active = 0;
  private checking = false;
  private interruption: Error | undefined;
  /** Grows with each rousal: who looked at something before it must look again before it sleeps. */
  rousals = 0;

  /** @param onStandStill called in a later turn of the event loop than the step that went to sleep last */
  constructor(private readonly onStandStill: () => void) {}

  /** A step begins to do something. */
  enter(): void {
    this.active++;
  }

  leave(): void {
    this.active--;
    this.check();
  }

  limit(path: string, deadline: number): () => void {
    this.deadlines.set(path, deadline);
    return () => void this.deadlines.delete(path);
  }

  /** Resolves at the time, or when the run is roused. @throws the signal's reason */
  async sleep(path: string, sleeper: Omit<Sleeper, 'wake' | 'interrupt'>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { until } = sleeper;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: () => void = () => undefined;
    if (this.interruption) throw this.interruption;
    const slept = new Promise<void>((resolve, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort);
      this.asleep.set(path, { ...sleeper, wake: resolve, interrupt: reject });
      if (until !== undefined) timer = setTimeout(resolve, Math.min(Math.max(0, until - Date.now()), MAX_TIMER_MS));
    });
    this.leave();
    try {
      await slept;
    } finally {
      this.enter();
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.asleep.delete(path);
    }
  }

  /** Something has happened to the run: every step that waits looks whether it was for it. */
  rouse(): void {
    this.rousals++;
    for (const { wake } of [...this.asleep.values()]) wake();
  }

  /** Ends every sleep, from now on. */
  interrupt(reason: Error): void {
    this.interruption = reason;
    for (const sleeper of [...this.asleep.values()]) sleeper.interrupt(reason);
  }

  /** What the run waits for where nothing else goes on; the earliest of several. */
  get standStill(): StandStill | undefined {
    if (this.active > 0) return undefined;
    const [first, ...others] = this.asleep.values();
    if (!first) return undefined;
    const earliest = others.reduce((a, b) => ((b.until ?? Infinity) < (a.until ?? Infinity) ? b : a), first);
    const until = Math.min(earliest.until ?? Infinity, ...this.deadlines.values());
    return { waitingFor: earliest.waitingFor, until: until === Infinity ? undefined : until };
  }

  /** Steps follow each other within one turn of the event loop, so only a later turn sees that none came. */
  check(): void {
    if (this.checking || this.active > 0 || this.asleep.size === 0) return;
    this.checking = true;
    setImmediate(() => {
      this.checking = false;
      if (this.active === 0 && this.asleep.size > 0) this.onStandStill();
    });
  }
}
