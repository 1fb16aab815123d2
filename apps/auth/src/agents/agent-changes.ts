import { AGENT_CHANGED_SUBJECT, type AgentChanged } from '@agent-platform/contracts';
import { Bus, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';

const RECONNECT_MS = 500;

/**
 * Tells whoever remembers agents that one has changed. A change through an action is told before its answer; one by hand in
 * psql, and one whose replica died in between, by Postgres (`LISTEN agent_changed`).
 */
@Injectable()
export class AgentChanges implements OnModuleInit, OnModuleDestroy {
  private listening: PoolClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly work: UnitOfWork,
  ) {}

  onModuleInit(): Promise<void> {
    // What was announced meanwhile reached nobody.
    this.bus.onReconnected(() => this.announce(null));
    return this.listen();
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    const client = this.listening;
    this.listening = undefined;
    client?.release(true);
  }

  /**
   * Runs a writing action that changes an agent. The change is announced before the answer, on the same connection: whoever
   * has the answer can count on it. A repeated answer announces it again, as the first one may have died before it did.
   */
  async write(call: Call, agentId: string, work: (tx: WriteTx) => Promise<Reply>): Promise<Reply> {
    const reply = await this.work.write(call, work);
    this.announce(agentId);
    return reply;
  }

  private announce(agentId: string | null): void {
    this.bus.publish(AGENT_CHANGED_SUBJECT, { agentId } satisfies AgentChanged);
  }

  private async listen(): Promise<void> {
    try {
      const client = await this.pool.connect();
      if (this.stopped) return client.release();
      this.listening = client;
      const lost = (error?: Error) => this.lost(client, error);
      client.once('error', lost);
      client.once('end', lost);
      client.on('notification', ({ payload }) => this.announce(payload || null));
      await client.query('LISTEN agent_changed').catch(lost);
      // What happened while nobody listened is not known.
      if (this.listening === client) this.announce(null);
    } catch (error) {
      this.again(error);
    }
  }

  private lost(client: PoolClient, error?: Error): void {
    if (this.listening !== client) return;
    this.listening = undefined;
    client.release(error ?? true);
    this.again(error);
  }

  private again(error?: unknown): void {
    if (this.stopped) return;
    this.logger.warn({ msg: 'changes of agents cannot be listened for now', err: error });
    this.timer = setTimeout(() => void this.listen(), RECONNECT_MS);
  }
}
