import type { CloudEvent, Json, JsonObject, RunError, RunStatus, StepStatus } from '@agent-platform/contracts';
import { storable } from '@agent-platform/database';
import { OutboxRelay } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

/** What is recorded of a step. */
export interface StepRecord {
  readonly path: string;
  readonly stepId: string;
  readonly type: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly input?: Json;
  readonly output?: Json;
  readonly error?: RunError;
  readonly wakeAt?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** Goes into the outbox with the record, once. */
  readonly event?: CloudEvent;
}

/** What becomes of the run with a record of its steps. */
export interface RunRecord {
  readonly status: RunStatus;
  readonly output?: Json;
  readonly error?: RunError;
  readonly waitingFor?: JsonObject;
  readonly resumesAt?: string;
  readonly event?: CloudEvent;
}

/** A run as the engine takes it up, with what was recorded before. */
export interface StoredRun {
  readonly id: string;
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly agentId: string;
  readonly status: RunStatus;
  readonly input: JsonObject;
  readonly requestId: string;
  readonly traceparent: string;
  readonly createdAt: string;
  readonly definition: JsonObject;
  readonly steps: readonly StoredStep[] | null;
}

export interface StoredStep {
  readonly path: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly output: Json;
  readonly error: RunError | null;
  readonly wakeAt: string | null;
  readonly startedAt: string | null;
}

/** The right to write to a run: held by one replica at a time, and void under an older epoch. */
export interface Lease {
  readonly runId: string;
  readonly epoch: number;
}

/** The engine's statements. All of them are the service's own work, on behalf of whichever agent owns the run. */
@Injectable()
export class RunStore {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly relay: OutboxRelay,
  ) {}

  async load(runId: string): Promise<StoredRun | undefined> {
    const { rows } = await this.pool.query<StoredRun>({
      name: 'load-run',
      text: `SELECT r.id, r.workflow_id AS "workflowId", r.workflow_version AS "workflowVersion", r.agent_id AS "agentId",
               r.status, r.input, r.request_id AS "requestId", r.traceparent, r.created_at::text AS "createdAt", v.definition,
               (SELECT json_agg(json_build_object('path', s.path, 'status', s.status, 'attempt', s.attempt,
                  'output', s.output, 'error', s.error, 'wakeAt', s.wake_at, 'startedAt', s.started_at))
                FROM workflow.workflow_run_steps s WHERE s.run_id = r.id) AS steps
             FROM workflow.workflow_runs r
             JOIN workflow.workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version
             WHERE r.id = $1`,
      values: [runId],
    });
    return rows[0];
  }

  /** Whether the lease was still held; if not, nothing was written. */
  async record(owner: string, { runId, epoch }: Lease, run: RunRecord, steps: readonly StepRecord[]): Promise<boolean> {
    const { rows } = await this.pool.query<{ held: boolean }>({
      name: 'record-progress',
      text: 'SELECT workflow.record_progress($1, $2, $3, $4, $5) AS held',
      values: [runId, owner, epoch, storable(JSON.stringify(run)), storable(JSON.stringify(steps))],
    });
    if (run.event || steps.some(({ event }) => event)) this.relay.wake();
    return rows[0]?.held ?? false;
  }

  /** Takes over runs that nobody holds. */
  async claim(owner: string, leaseSeconds: number, limit: number): Promise<Lease[]> {
    const { rows } = await this.pool.query<Lease>({
      name: 'claim-runs',
      text: 'SELECT run_id AS "runId", epoch FROM workflow.claim_runs($1, make_interval(secs => $2), $3)',
      values: [owner, leaseSeconds, limit],
    });
    return rows;
  }

  /** Extends leases; answers the runs of those still held. */
  async renew(owner: string, leaseSeconds: number, leases: readonly Lease[]): Promise<Set<string>> {
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'renew-leases',
      text: `UPDATE workflow.workflow_runs r SET lease_expires_at = now() + make_interval(secs => $2)
             FROM unnest($3::uuid[], $4::int[]) AS held (run_id, epoch)
             WHERE r.id = held.run_id AND r.lease_owner = $1 AND r.lease_epoch = held.epoch RETURNING r.id`,
      values: [owner, leaseSeconds, leases.map(({ runId }) => runId), leases.map(({ epoch }) => epoch)],
    });
    return new Set(rows.map(({ id }) => id));
  }

  /** Gives all leases back, so that another replica goes on at once. */
  async release(owner: string): Promise<void> {
    await this.pool.query({
      text: `UPDATE workflow.workflow_runs SET lease_owner = NULL, lease_expires_at = now()
             WHERE lease_owner = $1 AND status IN ('pending', 'running', 'waiting')`,
      values: [owner],
    });
  }

  async hasEnded(runId: string): Promise<boolean> {
    const { rows } = await this.pool.query<{ ended: boolean }>({
      name: 'has-ended',
      text: 'SELECT ended_at IS NOT NULL AS ended FROM workflow.workflow_runs WHERE id = $1',
      values: [runId],
    });
    return rows[0]?.ended ?? true;
  }
}
