import type { JsonObject, RetryRunRequest, Run } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { accepted, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { uuidV7 } from '@agent-platform/shared-security';
import { Injectable } from '@nestjs/common';
import { RunWakeUps } from '../engine/run-wake-ups';
import type { CompiledDefinition } from '../workflows/definition';
import { DefinitionStore } from '../workflows/definition-store';
import { checkInput } from '../workflows/input-schema';
import { findStep, plainPath, reusableSteps, type RecordedStep, type ReusedStep } from './reusable-steps';
import { RUN_COLUMNS } from './run-columns';

/** Starts ended runs again, with the results that they have. */
@Injectable()
export class RetryRunService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly definitions: DefinitionStore,
    private readonly wakeUps: RunWakeUps,
  ) {}

  /**
   * @throws AppError `run.not-found`, `run.not-ended`, `run.step.not-found`, `workflow.not-found`,
   *   `workflow.version.not-found`, `workflow.input.invalid`, `request.invalid`
   */
  async retry(call: Call, request: RetryRunRequest): Promise<Reply> {
    const reply = await this.work.write(call, async (tx) => {
      const run = await endedRun(tx, request.id);
      const version = request.version ?? run.workflowVersion;
      if (version < run.workflowVersion) {
        throw invalid('version', `must be ${run.workflowVersion}, that of the run, or a newer one`);
      }
      const definition = await this.definitionOf(tx, run.workflowId, version);
      const input = request.input ?? run.input;
      checkInput(definition.validateInput, input);
      const from = startOf(run, request.fromStep, definition);
      const recorded = await recordedSteps(tx, run.id);
      const reused = reusableSteps(definition, recorded, { from, sameInput: request.input === undefined });
      const id = uuidV7();
      const created = await insertRun(tx, { id, run, version, input, call });
      await copySteps(tx, run.id, id, reused);
      const after = { retriedFromRunId: run.id, fromStep: from ?? null, workflowVersion: version };
      tx.audit({ targetType: 'run', targetId: id, after });
      return accepted(created);
    });
    this.wakeUps.ready();
    return reply;
  }

  private async definitionOf(tx: WriteTx, workflowId: string, version: number): Promise<CompiledDefinition> {
    const { rows } = await tx.query<{ definition: JsonObject | null }>({
      name: 'definition-to-retry',
      text: `SELECT v.definition FROM workflow.workflows w
             LEFT JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = $2
             WHERE w.id = $1 AND w.deleted_at IS NULL`,
      values: [workflowId, version],
    });
    const [found] = rows;
    if (!found) throw new AppError('workflow.not-found', `The workflow ${workflowId} of the run was deleted.`);
    if (found.definition) return this.definitions.get(workflowId, version, found.definition);
    throw new AppError('workflow.version.not-found', `The workflow ${workflowId} has no version ${version}.`);
  }
}

async function endedRun(tx: WriteTx, id: string): Promise<Run> {
  const { rows } = await tx.query<Run>({
    name: 'run-to-retry',
    text: `SELECT ${RUN_COLUMNS} FROM workflow.workflow_runs r WHERE r.id = $1`,
    values: [id],
  });
  const [run] = rows;
  if (!run) throw new AppError('run.not-found', `There is no run ${id}.`);
  if (run.endedAt !== null) return run;
  throw new AppError('run.not-ended', `The run ${id} is ${run.status}. Cancel it, or wait for its end.`);
}

/** Where the new run starts; undefined: with whatever has no result. */
function startOf(run: Run, wanted: string | undefined, definition: CompiledDefinition): string | undefined {
  if (wanted === undefined && run.status === 'completed') {
    throw invalid('fromStep', 'is required for a run that completed: the path of the step to start again from');
  }
  const from = wanted ?? (run.status === 'failed' ? run.error?.stepId : undefined);
  if (from === undefined) return undefined;
  const path = plainPath(from);
  if (findStep(definition, path)) return path;
  // The step that failed may be gone from a newer version: then whatever has no result runs.
  if (wanted === undefined) return undefined;
  const known = definition.steps.map(({ id }) => id).join(', ');
  throw new AppError('run.step.not-found', `There is no step ${wanted}. At the top there are ${known}.`);
}

async function recordedSteps(tx: WriteTx, runId: string): Promise<RecordedStep[]> {
  const { rows } = await tx.query<RecordedStep>({
    name: 'steps-to-retry',
    text: 'SELECT path, type, status FROM workflow.workflow_run_steps WHERE run_id = $1',
    values: [runId],
  });
  return rows;
}

async function insertRun(
  tx: WriteTx,
  { id, run, version, input, call }: { id: string; run: Run; version: number; input: JsonObject; call: Call },
): Promise<Run> {
  const { rows } = await tx.query<Run>({
    name: 'insert-retry',
    text: `INSERT INTO workflow.workflow_runs AS r (id, workflow_id, workflow_version, agent_id, trigger_type, input,
             metadata, request_id, traceparent, retried_from_run_id, ready_at)
           VALUES ($1, $2, $3, $4, 'retry', $5, $6, $7, $8, $9, now()) RETURNING ${RUN_COLUMNS}`,
    values: [
      id,
      run.workflowId,
      version,
      run.agentId,
      JSON.stringify(input),
      run.metadata,
      call.requestId,
      call.traceparent,
      run.id,
    ],
  });
  return rows[0] as Run;
}

/** Within Postgres, as outputs may be large. */
async function copySteps(tx: WriteTx, from: string, to: string, reused: readonly ReusedStep[]): Promise<void> {
  await tx.query({
    name: 'copy-steps',
    text: `INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status, attempt, input, output,
             error, started_at, ended_at)
           SELECT $2, c.to_path, s.agent_id, s.step_id, s.type, s.status, s.attempt, s.input, s.output, s.error,
             s.started_at, s.ended_at
           FROM unnest($3::text[], $4::text[]) AS c (from_path, to_path)
           JOIN workflow.workflow_run_steps s ON s.run_id = $1 AND s.path = c.from_path`,
    values: [from, to, reused.map((step) => step.from), reused.map((step) => step.to)],
  });
}

function invalid(path: string, message: string): AppError {
  return new AppError('request.invalid', `${path} ${message}.`, { errors: [{ path, message }] });
}
