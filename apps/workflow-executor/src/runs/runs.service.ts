import type {
  ExecuteWorkflowRequest,
  JsonObject,
  ListRunsRequest,
  Run,
  RunStep,
  RunWithSteps,
} from '@agent-platform/contracts';
import { readAs, type RowContext, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { accepted, idOfCursor, ok, UnitOfWork, type Call, type Reply } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Engine, LEASE_SECONDS } from '../engine/engine';
import { DefinitionStore } from '../workflows/definition-store';
import { checkInput } from '../workflows/input-schema';
import { RUN_COLUMNS, STEP_COLUMNS, withSteps } from './run-columns';

interface PinnedVersion {
  readonly version: number;
  readonly definition: JsonObject | null;
  readonly agentId: string;
}

@Injectable()
export class RunsService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly work: UnitOfWork,
    private readonly engine: Engine,
    private readonly definitions: DefinitionStore,
  ) {}

  /** Stores a run, already leased to this replica where it has room, and starts it once it is committed. */
  async execute(call: Call, request: ExecuteWorkflowRequest): Promise<Reply> {
    let started: string | undefined;
    const leased = this.engine.hasRoom;
    const reply = await this.work.write(call, async (tx) => {
      const { version, definition, agentId } = await pinVersion(tx, request);
      const input = request.input ?? {};
      checkInput(this.definitions.get(request.id, version, definition ?? {}).validateInput, input);
      const id = uuidV7();
      const { rows } = await tx.query<Run>({
        name: 'insert-run',
        text: `INSERT INTO workflow.workflow_runs AS r (id, workflow_id, workflow_version, agent_id, trigger_type, input,
                 metadata, request_id, traceparent, lease_owner, lease_epoch, lease_expires_at)
               VALUES ($1, $2, $3, $4, 'manual', $5, $6, $7, $8, $9, $10, now() + make_interval(secs => $11))
               RETURNING ${RUN_COLUMNS}`,
        values: [
          id,
          request.id,
          version,
          agentId,
          JSON.stringify(input),
          request.metadata ?? {},
          call.requestId,
          call.traceparent,
          leased ? this.engine.id : null,
          leased ? 1 : 0,
          leased ? LEASE_SECONDS : 0,
        ],
      });
      tx.audit({ targetType: 'run', targetId: id, after: { workflowId: request.id, workflowVersion: version } });
      started = id;
      return accepted(rows[0] ?? {});
    });
    if (started !== undefined && leased) this.engine.start(started, 1);
    return request.wait ? this.waitForEnd(call.rows, reply, request.wait) : reply;
  }

  /** @throws AppError `run.not-found` */
  async get(rows: RowContext, id: string): Promise<RunWithSteps> {
    const [run] = await readAs<Run & { definition: JsonObject }>(this.pool, rows, {
      name: 'get-run',
      text: `SELECT ${RUN_COLUMNS}, v.definition FROM workflow.workflow_runs r
             JOIN workflow.workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version
             WHERE r.id = $1`,
      values: [id],
    });
    if (!run) throw new AppError('run.not-found', `There is no run ${id}.`);
    const steps = await readAs<RunStep>(this.pool, rows, {
      name: 'get-run-steps',
      text: `SELECT ${STEP_COLUMNS} FROM workflow.workflow_run_steps s WHERE s.run_id = $1`,
      values: [id],
    });
    const { definition, ...shown } = run;
    return withSteps(shown, steps, this.definitions.get(run.workflowId, run.workflowVersion, definition));
  }

  /** Newest first; ids are ordered by time. */
  list(rows: RowContext, { workflowId, status, cursor, limit }: ListRunsRequest): Promise<Run[]> {
    return readAs<Run>(this.pool, rows, {
      name: 'list-runs',
      text: `SELECT ${RUN_COLUMNS} FROM workflow.workflow_runs r
             WHERE ($1::uuid IS NULL OR r.id < $1) AND ($2::uuid IS NULL OR r.workflow_id = $2)
               AND ($3::text IS NULL OR r.status = $3)
             ORDER BY r.id DESC LIMIT $4`,
      values: [idOfCursor(cursor), workflowId ?? null, status ?? null, limit],
    });
  }

  /** 200 with the ended run, or 202 with the run as far as it has come. */
  private async waitForEnd(rows: RowContext, reply: Reply, waitSeconds: number): Promise<Reply> {
    if (reply.status >= 400) return reply;
    const { data } = JSON.parse(reply.body) as { data: Run };
    await this.engine.waitForEnd(data.id, waitSeconds * 1000);
    const run = await this.get(rows, data.id);
    return run.endedAt === null ? accepted(run) : ok(run);
  }
}

/** @throws AppError `workflow.not-found`, `workflow.version.not-found` */
async function pinVersion(tx: Tx, { id, version }: ExecuteWorkflowRequest): Promise<PinnedVersion> {
  const { rows } = await tx.query<PinnedVersion>({
    name: 'pin-version',
    text: `SELECT coalesce($2, w.version) AS version, v.definition, w.agent_id AS "agentId" FROM workflow.workflows w
           LEFT JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce($2, w.version)
           WHERE w.id = $1 AND w.deleted_at IS NULL`,
    values: [id, version ?? null],
  });
  const [found] = rows;
  if (!found) throw new AppError('workflow.not-found', `There is no workflow ${id}.`);
  if (!found.definition)
    throw new AppError('workflow.version.not-found', `The workflow ${id} has no version ${version}.`);
  return found;
}
