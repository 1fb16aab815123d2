import type {
  ExecuteWorkflowRequest,
  JsonObject,
  ListRunsRequest,
  Run,
  RunCounts,
  RunWithSteps,
} from '@agent-platform/contracts';
import { readAs, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import {
  accepted,
  auditEntryOf,
  firstAnswer,
  KeysUnderWay,
  ok,
  UnitOfWork,
  type Call,
  type Reply,
} from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Engine } from '../engine/engine';
import type { NewRun } from '../engine/run-records';
import type { CompiledDefinition } from '../workflows/definition';
import { DefinitionStore } from '../workflows/definition-store';
import { checkInput } from '../workflows/input-schema';
import { DryRunService } from './dry-run.service';
import { countRuns, listRuns } from './list-runs';
import { WorkflowPins } from './workflow-pins';
import { isAtOrInside, RECORDED_STEPS, RUN_COLUMNS, withSteps, type RecordedStep } from './run-columns';

/** What a new run is made of, once everything about its request is known to be right. */
interface Prepared {
  readonly run: NewRun;
  readonly definition: CompiledDefinition;
}

@Injectable()
export class RunsService {
  private readonly keys = new KeysUnderWay();

  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly pins: WorkflowPins,
    private readonly work: UnitOfWork,
    private readonly engine: Engine,
    private readonly definitions: DefinitionStore,
    private readonly dryRuns: DryRunService,
  ) {}

  /** Stores a run with its audit row and its idempotency record, by the engine's next record; it starts at once where there is room. */
  async execute(call: Call, request: ExecuteWorkflowRequest): Promise<Reply> {
    let prepared: Prepared;
    try {
      prepared = await this.prepare(call, request);
    } catch (error) {
      // A refusal is kept under its idempotency key as any other answer.
      if (call.idempotencyKey === undefined || !(error instanceof AppError) || error.status >= 500) throw error;
      return this.work.write(call, () => Promise.reject(error));
    }
    if (request.dryRun === true) return ok(await this.dryRuns.plan(prepared.run, prepared.definition));
    const id = uuidV7();
    const reply = accepted(acceptedRun(id, prepared.run));
    const { workflowId, workflowVersion } = prepared.run;
    const message = auditEntryOf(call, { targetType: 'run', targetId: id, after: { workflowId, workflowVersion } });
    const answer = await this.keys.hold(call, async (key) => {
      const kept = key && { ...key, status: reply.status, body: reply.body };
      const { run, definition } = prepared;
      const claim = await this.engine.accept(id, run, { definition, messages: [{ kind: 'audit', message }], kept });
      return (claim && firstAnswer(claim)) ?? reply;
    });
    return request.wait ? this.waitForEnd(call.rows, answer, request.wait) : answer;
  }

  /** @throws AppError `workflow.not-found`, `workflow.version.not-found`, `workflow.input.invalid` */
  private async prepare(call: Call, request: ExecuteWorkflowRequest): Promise<Prepared> {
    const { id, version: asked } = request;
    const pinned = await this.pins.find(call.rows, id, asked);
    if (!pinned) throw new AppError('workflow.not-found', `There is no workflow ${id}.`);
    const { version, agentId, exists } = pinned;
    if (!exists) throw new AppError('workflow.version.not-found', `The workflow ${id} has no version ${version}.`);
    const definition = this.definitions.find(id, version) ?? this.definitions.get(id, version, pinned.definition ?? {});
    const input = request.input ?? {};
    checkInput(definition.validateInput, input);
    const run: NewRun = {
      workflowId: id,
      workflowVersion: version,
      agentId,
      triggerType: 'manual',
      input,
      metadata: request.metadata ?? {},
      requestId: call.requestId,
      traceparent: call.traceparent,
      createdAt: new Date().toISOString(),
    };
    return { run, definition };
  }

  /**
   * @param path of the only step to show, with what is inside of it
   * @throws AppError `run.not-found`
   */
  async get(rows: RowContext, id: string, path?: string): Promise<RunWithSteps> {
    const [run] = await readAs<Run & { definition: JsonObject }>(this.pool, rows, {
      name: 'get-run',
      text: `SELECT ${RUN_COLUMNS}, v.definition FROM workflow.workflow_runs r
             JOIN workflow.workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version
             WHERE r.id = $1`,
      values: [id],
    });
    if (!run) throw new AppError('run.not-found', `There is no run ${id}.`);
    const recorded = await readAs<RecordedStep>(this.pool, rows, {
      name: 'get-run-steps',
      text: RECORDED_STEPS,
      values: [id, path ?? null],
    });
    const { definition, ...shown } = run;
    const whole = withSteps(shown, recorded, this.definitions.get(run.workflowId, run.workflowVersion, definition));
    return path === undefined
      ? whole
      : { ...whole, steps: whole.steps.filter((step) => isAtOrInside(step.path, path)) };
  }

  list(rows: RowContext, request: ListRunsRequest): Promise<Run[]> {
    return listRuns(this.pool, rows, request);
  }

  count(rows: RowContext, request: ListRunsRequest): Promise<RunCounts> {
    return countRuns(this.pool, rows, request);
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

/** The run as it is answered when it was stored. */
function acceptedRun(id: string, run: NewRun): Run {
  const { workflowId, workflowVersion, agentId, triggerType, input, metadata, createdAt } = run;
  return {
    id,
    workflowId,
    workflowVersion,
    agentId,
    trigger: { type: triggerType },
    status: 'pending',
    input,
    output: null,
    error: null,
    waitingFor: null,
    resumesAt: null,
    retriedFromRunId: null,
    parentRunId: null,
    metadata,
    createdAt,
    startedAt: null,
    endedAt: null,
  };
}
