import type { Json, JsonObject, RunError, RunStatus } from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { RunWakeUps } from './run-wake-ups';

export interface ChildState {
  readonly id: string;
  readonly status: RunStatus;
  readonly output: Json;
  readonly error: RunError | null;
  readonly endedAt: string | null;
}

export interface ChildTarget {
  readonly id: string;
  readonly version: number;
  readonly definition: JsonObject;
}

/** What a run sees of the runs that it starts. */
@Injectable()
export class ChildRuns {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly wakeUps: RunWakeUps,
  ) {}

  /** A workflow of the agent by id or name; its newest version unless one is named. */
  async target(
    agentId: string,
    { id, name, version }: { id?: string; name?: string; version: number | null },
  ): Promise<ChildTarget | undefined> {
    const { rows } = await this.pool.query<ChildTarget>({
      name: 'child-target',
      text: `SELECT w.id, v.version, v.definition FROM workflow.workflows w
             JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce($4, w.version)
             WHERE w.agent_id = $1 AND (w.id = $2 OR w.name = $3) AND w.deleted_at IS NULL`,
      values: [agentId, id ?? null, name ?? null, version],
    });
    return rows[0];
  }

  async find(parentRunId: string, parentPath: string): Promise<ChildState | undefined> {
    const { rows } = await this.pool.query<ChildState>({
      name: 'find-child',
      text: `SELECT id, status, output, error, ended_at::text AS "endedAt" FROM workflow.workflow_runs
             WHERE parent_run_id = $1 AND parent_path = $2`,
      values: [parentRunId, parentPath],
    });
    return rows[0];
  }

  /** Asks for the cancellation of a child that nobody waits for any more. */
  async cancel(runId: string, reason: string): Promise<void> {
    await this.cancelWhere('id = $1', runId, reason);
  }

  /** The same for all children that a run waits for. */
  async cancelOf(parentRunId: string): Promise<void> {
    await this.cancelWhere('parent_run_id = $1 AND awaited', parentRunId, 'The run that waits for it has ended.');
  }

  private async cancelWhere(condition: string, id: string, reason: string): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>({
      text: `UPDATE workflow.workflow_runs SET cancel_request = coalesce(cancel_request, $2)
             WHERE ${condition} AND ended_at IS NULL RETURNING id`,
      values: [id, JSON.stringify({ by: null, reason })],
    });
    if (rows.length === 0) return;
    const ids = rows.map((row) => row.id);
    await this.pool.query({ name: 'poke-runs', text: 'SELECT workflow.poke_runs($1)', values: [ids] });
    this.wakeUps.poked(ids);
  }

  /** Says that a child waits for an executor. */
  started(): void {
    this.wakeUps.ready();
  }
}
