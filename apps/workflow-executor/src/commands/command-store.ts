import {
  commandAgent,
  type AuditEntry,
  type Command,
  type CommandStatus,
  type JsonObject,
} from '@agent-platform/contracts';
import { inServiceTransaction, type Tx } from '@agent-platform/database';
import { insertOutbox, OutboxRelay, toCloudEvent, traceIdOf, type NewEvent } from '@agent-platform/messaging';
import { makeTraceparent } from '@agent-platform/observability';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import type { StoredRun } from '../engine/run-records';
import { RunWakeUps } from '../engine/run-wake-ups';
import { COMMAND_COLUMNS } from './command-columns';
import { endedEvent, sentEvent } from './command-events';
import type { IssuedCommand } from './command-issuer';
import { CommandWakeUps } from './command-wake-ups';

/** Commands that end without an answer, in one transaction at the most. */
const MAX_ENDED = 200;

/** The commands of steps, and the ends that nobody asks for: the service's own work. */
@Injectable()
export class CommandStore {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly relay: OutboxRelay,
    private readonly commandWakeUps: CommandWakeUps,
    private readonly runWakeUps: RunWakeUps,
  ) {}

  /** Stores the command of a step, unless it has sent one before: a step that was taken over sends no other. */
  async send(run: StoredRun, path: string, issued: IssuedCommand): Promise<void> {
    const sent = await inServiceTransaction(this.pool, async (client) => {
      const command = await insertCommand(client, run.agentId, issued, { runId: run.id, path });
      if (!command) return false;
      await hand(client, command.fromAgentId, sentEvent(command), run, {
        action: commandAgent.name,
        targetId: command.id,
        after: auditOf(command),
      });
      return true;
    });
    if (!sent) return;
    this.relay.wake();
    this.commandWakeUps.waiting([issued.toAgentId]);
  }

  async find({ id }: Pick<StoredRun, 'id'>, path: string): Promise<Command | undefined> {
    const { rows } = await this.pool.query<Command>({
      name: 'find-command-of-step',
      text: `SELECT ${COMMAND_COLUMNS} FROM workflow.agent_commands c WHERE c.run_id = $1 AND c.run_path = $2`,
      values: [id, path],
    });
    return rows[0];
  }

  /** Nobody waits any more for what the steps of a run have sent: of one step, or of all. */
  async cancelOf(runId: string, path?: string): Promise<void> {
    await this.end('cancelled', 'c.run_id = $2 AND ($3::text IS NULL OR c.run_path = $3)', [runId, path ?? null]);
  }

  /** Ends those whose time is over; true where there may be more. */
  async expire(): Promise<boolean> {
    return (await this.end('expired', 'c.expires_at <= now()', [])) === MAX_ENDED;
  }

  /** @param condition of `c`, whose values are from $2 on */
  private async end(
    status: Extract<CommandStatus, 'cancelled' | 'expired'>,
    condition: string,
    values: readonly unknown[],
  ): Promise<number> {
    const { ended, runs } = await inServiceTransaction(this.pool, async (client) => {
      const { rows } = await client.query<Command>({
        text: `UPDATE workflow.agent_commands c SET status = $1, ended_at = now()
               WHERE c.id IN (SELECT c.id FROM workflow.agent_commands c WHERE c.ended_at IS NULL AND ${condition}
                              ORDER BY c.id LIMIT ${MAX_ENDED} FOR UPDATE SKIP LOCKED)
               RETURNING ${COMMAND_COLUMNS}`,
        values: [status, ...values],
      });
      for (const command of rows) {
        const cause = { traceparent: makeTraceparent(), requestId: uuidV7(), depth: 0 };
        await hand(client, command.fromAgentId, endedEvent(command), cause, {
          action: `command.${status === 'expired' ? 'expire' : 'cancel'}`,
          targetId: command.id,
          after: { status },
        });
      }
      return {
        ended: rows.map(({ id }) => id),
        runs: await rouseRunsOf(
          client,
          rows.map(({ id }) => id),
        ),
      };
    });
    if (ended.length === 0) return 0;
    this.relay.wake();
    this.commandWakeUps.ended(ended);
    if (runs.length > 0) this.runWakeUps.poked(runs);
    return ended.length;
  }
}

/** Stores a command; undefined where the step has sent one before. */
export async function insertCommand(
  tx: Tx,
  fromAgentId: string,
  { id, toAgentId, command, payload, proof, expiresAt }: IssuedCommand,
  step: { readonly runId: string; readonly path: string } | undefined,
): Promise<Command | undefined> {
  const { rows } = await tx.query<Command>({
    name: 'insert-command',
    text: `INSERT INTO workflow.agent_commands AS c (id, agent_id, to_agent_id, command, payload, proof, expires_at, run_id, run_path)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (run_id, run_path) WHERE run_id IS NOT NULL DO NOTHING
           RETURNING ${COMMAND_COLUMNS}`,
    values: [
      id,
      fromAgentId,
      toAgentId,
      command,
      JSON.stringify(payload),
      proof,
      expiresAt,
      step?.runId ?? null,
      step?.path ?? null,
    ],
  });
  return rows[0];
}

/** Rouses the runs that wait for these; they are to be told once the transaction is committed. */
export async function rouseRunsOf(tx: Tx, commandIds: readonly string[]): Promise<string[]> {
  if (commandIds.length === 0) return [];
  const { rows } = await tx.query<{ run: string }>({
    name: 'rouse-runs-of-commands',
    text: 'SELECT workflow.rouse_runs_of($1) AS run',
    values: [commandIds],
  });
  return rows.map(({ run }) => run);
}

/** What the audit log keeps of a command. */
export function auditOf({ toAgentId, command, runId, expiresAt }: Command): JsonObject {
  return { toAgentId, command, runId, expiresAt };
}

/** What is written of a change in its transaction: its event and its audit row. */
async function hand(
  client: PoolClient,
  agentId: string,
  event: NewEvent,
  { traceparent, requestId, depth }: Pick<StoredRun, 'traceparent' | 'requestId' | 'depth'>,
  { action, targetId, after }: Pick<AuditEntry, 'action' | 'targetId' | 'after'>,
): Promise<void> {
  const entry: AuditEntry = {
    id: uuidV7(),
    at: new Date().toISOString(),
    agentId,
    action,
    targetType: 'command',
    targetId,
    decision: 'allowed',
    reason: null,
    before: null,
    after,
    ip: null,
    userAgent: null,
    requestId,
    traceId: traceIdOf(traceparent),
  };
  await insertOutbox(client, 'workflow', agentId, [
    { kind: 'event', message: toCloudEvent(event, agentId, traceparent, depth) },
    { kind: 'audit', message: entry },
  ]);
}
