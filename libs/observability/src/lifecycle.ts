import type { ReadinessChecks } from './probe';

/** What must hold of a service that has started. */
export interface ServiceChecks {
  /** For it to take requests. */
  readonly ready: ReadinessChecks;
  /** For it to be able to work ever again: only what a restart mends, never that something else is away. */
  readonly alive?: ReadinessChecks;
}

/** Where a process stands between its start and its end, as its probes tell it. */
export class Lifecycle {
  private missing: string | undefined = 'is starting';
  private stopping = false;
  private checks: ServiceChecks = { ready: {} };

  /** @param what the start waits for, in words, such as `waits for NATS` */
  waits(what: string): void {
    this.missing = what;
  }

  /** The start has finished, which no later trouble takes back. */
  started(checks: ServiceChecks): void {
    this.missing = undefined;
    this.checks = checks;
  }

  /** No new requests are wanted. */
  stops(): void {
    this.stopping = true;
  }

  get isStopping(): boolean {
    return this.stopping;
  }

  /** Of `/startupz`. */
  get startup(): ReadinessChecks {
    return { lifecycle: () => this.checkStarted() };
  }

  /** Of `/livez`. */
  get liveness(): ReadinessChecks {
    return this.checks.alive ?? {};
  }

  /** Of `/readyz`. */
  get readiness(): ReadinessChecks {
    const lifecycle = () => {
      this.checkStarted();
      if (this.stopping) throw new Error('is stopping');
    };
    return { lifecycle, ...this.checks.ready };
  }

  private checkStarted(): void {
    if (this.missing !== undefined) throw new Error(this.missing);
  }
}
