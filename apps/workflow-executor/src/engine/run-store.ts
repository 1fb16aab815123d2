import type { JsonObject } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { ExecutorConfig } from '../config';
import type { CancelRequest, StoredRun, StoredSignal } from './run-records';

/** A run that an executor has taken up. */
export interface ClaimedRun {
  readonly runId: string;
  readonly epoch: number;
  readonly agentId: string;
  readonly workflowId: string;
  /** Nothing was recorded of its steps. */
  readonly fresh: boolean;
}

/** What happened to a run while an executor had it in memory. */
export interface RunNews {
  readonly id: string;
  readonly cancelRequest: CancelRequest | null;
  readonly signals: readonly StoredSignal[];
}

const RUN = `r.id, r.workflow_id AS "workflowId", r.workflow_version AS "workflowVersion", r.agent_id AS "agentId",
  r.trigger_type AS "triggerType", r.status, r.input, r.request_id AS "requestId", r.traceparent,
  r.created_at::text AS "createdAt", r.parent_run_id AS "parentRunId", r.awaited, r.depth, r.jumps,
  r.cancel_request AS "cancelRequest"`;
const SIGNALS = `(SELECT coalesce(json_agg(json_build_object('id', s.id, 'name', s.name, 'payload', s.payload,
    'sentBy', s.sent_by) ORDER BY s.created_at, s.id), '[]')
  FROM workflow.run_signals s WHERE s.run_id = r.id AND s.consumed_by IS NULL) AS signals`;
const STEPS = `(SELECT coalesce(json_agg(json_build_object('path', s.path, 'stepId', s.step_id, 'type', s.type,
    'status', s.status, 'attempt', s.attempt, 'output', s.output, 'error', s.error, 'wakeAt', s.wake_at,
    'startedAt', s.started_at, 'endedAt', s.ended_at)), '[]')
  FROM workflow.workflow_run_steps s WHERE s.run_id = r.id) AS steps`;

/** The engine's statements beside its records. All of them are the service's own work, whichever agent owns the run. */
@Injectable()
export class RunStore {
  /** Of the lease alone: statements that wait for a table hold the others, and must not cost the executor its runs. */
  private readonly leases: Pool;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    { databaseUrl: url, databasePassword: password, databaseCa: ca }: ExecutorConfig,
  ) {
    const onError = (error: Error) => logger.warn({ msg: 'a database connection broke', err: error });
    const role = roleOf('workflow-executor');
    const name = 'workflow-executor:lease';
    this.leases = createPool({ url, password, ca, role, name, scope: 'service', max: 1, onError });
  }

  /** Closes the connection of the lease. */
  close(): Promise<void> {
    return this.leases.end();
  }

  /** Runs of which nothing was recorded yet. */
  async loadFresh(runIds: readonly string[]): Promise<StoredRun[]> {
    const { rows } = await this.pool.query<StoredRun>({
      name: 'load-fresh-runs',
      text: `SELECT ${RUN}, '[]'::json AS steps, ${SIGNALS} FROM workflow.workflow_runs r WHERE r.id = ANY($1)`,
      values: [runIds],
    });
    return rows;
  }

  /** A run with all that was recorded of it. */
  async load(runId: string): Promise<StoredRun | undefined> {
    const { rows } = await this.pool.query<StoredRun>({
      name: 'load-run',
      text: `SELECT ${RUN}, ${STEPS}, ${SIGNALS} FROM workflow.workflow_runs r WHERE r.id = $1`,
      values: [runId],
    });
    return rows[0];
  }

  async definition(workflowId: string, version: number): Promise<JsonObject> {
    const { rows } = await this.pool.query<{ definition: JsonObject }>({
      name: 'load-definition',
      text: 'SELECT definition FROM workflow.workflow_versions WHERE workflow_id = $1 AND version = $2',
      values: [workflowId, version],
    });
    return rows[0]?.definition ?? {};
  }

  /** Takes up runs that wait, in turn between agents from `after` on. */
  async claim(
    owner: string,
    { limit, perAgent, after, full }: { limit: number; perAgent: number; after: string; full: readonly string[] },
  ): Promise<ClaimedRun[]> {
    const { rows } = await this.pool.query<ClaimedRun>({
      name: 'claim-runs',
      text: `SELECT run_id AS "runId", epoch, agent_id AS "agentId", workflow_id AS "workflowId", fresh
             FROM workflow.claim_runs($1, $2, $3, $4, $5)`,
      values: [owner, limit, perAgent, after, full],
    });
    return rows;
  }

  /** Gives runs back that another executor, or this one later, is to take up. */
  async giveBack(owner: string, runIds: readonly string[]): Promise<void> {
    await this.pool.query({
      // Those that wait are taken up in the order of this time: none is to lose its place.
      text: `UPDATE workflow.workflow_runs SET lease_owner = NULL, ready_at = created_at
             WHERE id = ANY($2) AND lease_owner = $1`,
      values: [owner, runIds],
    });
  }

  /** Runs that are leased to an executor beside those that it knows of. */
  async leasedBeside(owner: string, known: readonly string[]): Promise<string[]> {
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'leased-beside',
      text: 'SELECT id FROM workflow.workflow_runs WHERE lease_owner = $1 AND NOT id = ANY($2)',
      values: [owner, known],
    });
    return rows.map(({ id }) => id);
  }

  /** False: the lease had run out, and the runs of the executor may be another's by now. */
  async renewLease(owner: string, seconds: number, isNew: boolean): Promise<boolean> {
    const { rows } = await this.leases.query<{ held: boolean }>({
      name: 'renew-lease',
      text: 'SELECT workflow.renew_lease($1, make_interval(secs => $2), $3) AS held',
      values: [owner, seconds, isNew],
    });
    return rows[0]?.held ?? false;
  }

  /** Gives everything back, so that another replica goes on at once. */
  async release(owner: string): Promise<void> {
    await this.pool.query({
      text: `WITH gone AS (DELETE FROM workflow.executors WHERE id = $1)
             UPDATE workflow.workflow_runs SET lease_owner = NULL, ready_at = now() WHERE lease_owner = $1`,
      values: [owner],
    });
  }

  /** The runs of an executor to which something happened. */
  async poked(owner: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'poked-runs',
      text: 'SELECT id FROM workflow.workflow_runs WHERE poked AND lease_owner = $1',
      values: [owner],
    });
    return rows.map(({ id }) => id);
  }

  /** What happened to those of the runs to which something did. */
  async takeNews(owner: string, runIds: readonly string[]): Promise<RunNews[]> {
    const { rows: poked } = await this.pool.query<{ id: string }>({
      name: 'unpoke-runs',
      text: `UPDATE workflow.workflow_runs SET poked = false WHERE id = ANY($2) AND lease_owner = $1 AND poked
             RETURNING id`,
      values: [owner, runIds],
    });
    if (poked.length === 0) return [];
    // A statement of its own: one that waited for the sender's commit would not see what the sender wrote.
    const { rows } = await this.pool.query<RunNews>({
      name: 'run-news',
      text: `SELECT r.id, r.cancel_request AS "cancelRequest", ${SIGNALS} FROM workflow.workflow_runs r WHERE r.id = ANY($1)`,
      values: [poked.map(({ id }) => id)],
    });
    return rows;
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
