import { INTERNAL_CALLS, type AuditEntry } from '@agent-platform/contracts';
import type { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import type { GatewayMetrics } from './gateway-metrics';

/** Entries that one message carries. */
const BATCH_SIZE = 200;
/** Entries of reads kept while `auth` is away; beyond this the oldest are given up, and the log says so. */
const MAX_WAITING = 10_000;
const RETRY_MS = 1000;
/** Entries that nobody waits for gather for so long: a message and a commit carry many of them then. */
const GATHER_MS = 100;

interface Waiting {
  readonly entry: AuditEntry;
  readonly settle?: (error?: Error) => void;
}

/**
 * Hands the gateway's own audit entries (reads, refusals, failures) to `auth`. What gathers while one message is under
 * way is the next one, so a busy gateway sends few. A change's entry is not written here: it is committed with the change.
 */
export class AuditWriter {
  private waiting: Waiting[] = [];
  private sending: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly bus: Bus,
    private readonly logger: Logger,
    private readonly measured: GatewayMetrics,
  ) {}

  /** Notes an entry; it is sent soon. */
  note(entry: AuditEntry): void {
    this.add({ entry });
    if (this.waiting.length >= BATCH_SIZE) this.send();
    else this.timer ??= setTimeout(() => this.send(), GATHER_MS);
  }

  /** Resolves once the entry is stored; a refusal is answered after that. @throws when `auth` cannot store it now */
  store(entry: AuditEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.add({ entry, settle: (error) => (error ? reject(error) : resolve()) });
      this.send();
    });
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Sends what is left, once. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.sending;
    if (this.waiting.length > 0) await this.sendAll();
  }

  private add(waiting: Waiting): void {
    this.waiting.push(waiting);
    if (this.waiting.length > MAX_WAITING) {
      const given = this.waiting.splice(0, BATCH_SIZE);
      given.forEach(({ settle }) => settle?.(new Error('too many audit entries are waiting')));
      this.measured.auditEntriesGivenUp.of().inc(given.length);
      this.logger.error({ msg: 'audit entries were given up', entries: given.length });
    }
  }

  private send(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_SIZE);
      try {
        await this.bus.call(INTERNAL_CALLS.recordAudit.subject, { entries: batch.map(({ entry }) => entry) });
        batch.forEach(({ settle }) => settle?.());
      } catch (error) {
        // Who waits for its entry is told; the others' entries are kept for the next try. Storing one twice is harmless.
        batch.forEach(({ settle }) => settle?.(error as Error));
        this.waiting.unshift(...batch.filter(({ settle }) => !settle));
        this.logger.warn({ msg: 'audit entries could not be stored yet', entries: this.waiting.length, err: error });
        if (this.stopped) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
