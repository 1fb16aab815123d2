import type { AuditEntry } from '@agent-platform/contracts';
import { storable, unavailableIfDisconnected } from '@agent-platform/database';
import { OutboxRelay } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';

/** What is written at the end of a call. */
export interface EndedCall {
  readonly integrationId: string;
  readonly agentId: string;
  readonly failed: boolean;
  /** Whether the provider answered, below 500; undefined where it was not called. */
  readonly answered?: boolean;
  /** Undefined where another place writes it. */
  readonly audit: AuditEntry | undefined;
  /** Under an idempotency key; `answer` where it is to be kept. */
  readonly once?: {
    readonly callId: string;
    readonly action: string;
    readonly key: string;
    readonly paramsHash: string;
    readonly answer?: { readonly status: number; readonly body: string };
  };
}

interface Waiting {
  readonly call: EndedCall;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** In one statement; more wait for the next. */
const MAX_BATCH = 200;
const SWEEP_MS = 10 * 60 * 1000;

/**
 * Writes the ends of calls: usage, audit and first answers. What comes while one statement is under way is the next one's, so
 * that a call alone pays for one commit and a thousand share it.
 */
@Injectable()
export class CallLedger implements OnApplicationShutdown {
  private waiting: Waiting[] = [];
  private busy = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly relay: OutboxRelay,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Resolves when it is stored. @throws AppError `service.unavailable` when Postgres cannot be reached */
  end(call: EndedCall): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ call, resolve, reject });
      if (!this.busy) void this.write();
    });
  }

  private async write(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MAX_BATCH);
      try {
        const values = [storable(JSON.stringify(batch.map(({ call }) => rowOf(call))))];
        await this.pool.query({ name: 'end-calls', text: 'SELECT integration.end_calls($1)', values });
        for (const { resolve } of batch) resolve();
        this.relay.wake();
      } catch (error) {
        for (const { reject } of batch) reject(unavailableIfDisconnected(error));
      }
    }
    this.busy = false;
  }

  /** Keys of calls whose process died, and that nobody used again. */
  private async sweep(): Promise<void> {
    try {
      await this.pool.query("DELETE FROM integration.calls_under_way WHERE expires_at < now() - interval '1 hour'");
      // Health has taken them over, or has been away for two days.
      await this.pool.query("DELETE FROM integration.call_periods WHERE period_start < now() - interval '2 days'");
    } catch (error) {
      this.logger.warn({ msg: 'calls of dead processes could not be removed', err: error });
    }
  }
}

function rowOf({ integrationId, agentId, failed, answered, audit, once }: EndedCall): object {
  return {
    integrationId,
    agentId,
    failed,
    ...(answered !== undefined && { answered }),
    ...(audit && { auditId: audit.id, audit: JSON.stringify(audit) }),
    ...(once && {
      callId: once.callId,
      action: once.action,
      key: once.key,
      paramsHash: once.paramsHash,
      ...once.answer,
    }),
  };
}
