import { COMMANDS_CHANGED_SUBJECT, type CommandsChanged } from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, ServiceStop, WokenPoll } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { Wakes } from '../engine/wakes';

/** Behind the broadcasts: what a lost one would have said, and leases that have run out, are found this soon. */
const POLL_MS = 1000;

/** Who waits for an agent's commands, or for the end of one: woken by any executor, this one included. */
@Injectable()
export class CommandWakeUps implements OnModuleInit, OnModuleDestroy {
  /** By agent, or by command. */
  private readonly waiters = new Wakes();
  private readonly poll: WokenPoll;

  constructor(
    private readonly bus: Bus,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    private readonly serviceStop: ServiceStop,
  ) {
    this.poll = new WokenPoll({
      everyMs: POLL_MS,
      pass: () => this.lookForAll(),
      onError: (error) => logger.warn({ msg: 'commands could not be looked at', err: error }),
    });
  }

  onModuleInit(): void {
    this.bus.subscribe(COMMANDS_CHANGED_SUBJECT, (message) => {
      const { agentIds, endedIds } = message.json<CommandsChanged>();
      for (const agentId of agentIds) this.waiters.wakeOne(agentId);
      for (const commandId of endedIds) this.waiters.wake(commandId);
    });
    this.serviceStop.onBegin(() => this.waiters.wakeAll());
    this.poll.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.poll.stop();
  }

  /** A command waits to be taken by each of these agents. */
  waiting(agentIds: readonly string[]): void {
    this.bus.publish(COMMANDS_CHANGED_SUBJECT, { agentIds, endedIds: [] } satisfies CommandsChanged);
  }

  ended(endedIds: readonly string[]): void {
    this.bus.publish(COMMANDS_CHANGED_SUBJECT, { agentIds: [], endedIds } satisfies CommandsChanged);
  }

  /**
   * Looks, and looks again at each wake-up of `key` until there is something or the time is over.
   *
   * @param key the id of an agent, or of a command
   * @param isDone whether what was found is worth an answer
   */
  async lookFor<T>(key: string, waitMs: number, look: () => Promise<T>, isDone: (found: T) => boolean): Promise<T> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      // Before the look: what comes during it is not missed.
      const woken = this.waiters.next(key, Math.max(deadline - Date.now(), 0));
      try {
        const found = await look();
        if (isDone(found) || this.serviceStop.hasBegun || Date.now() >= deadline) {
          // What it was woken for meanwhile may be another than what it has found, and is for the next.
          if (woken.isWoken) this.waiters.wakeOne(key);
          return found;
        }
        await woken.promise;
      } finally {
        woken.cancel();
      }
    }
  }

  private async lookForAll(): Promise<void> {
    const { keys } = this.waiters;
    if (keys.length === 0) return;
    const { rows } = await this.pool.query<{ key: string }>({
      name: 'commands-to-look-at',
      text: `SELECT k AS key FROM unnest($1::uuid[]) AS k
             WHERE EXISTS (SELECT FROM workflow.agent_commands c WHERE c.to_agent_id = k AND c.ended_at IS NULL AND c.available_at <= now())
               OR EXISTS (SELECT FROM workflow.agent_commands c WHERE c.id = k AND c.ended_at IS NOT NULL)`,
      values: [keys],
    });
    for (const { key } of rows) this.waiters.wake(key);
  }
}
