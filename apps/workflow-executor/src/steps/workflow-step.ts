import type { Json, JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { isUuid, uuidV7 } from '@agent-platform/shared-security';
import { Injectable } from '@nestjs/common';
import type { Activity, StepResult } from '../engine/activity';
import { ChildRuns, type ChildState } from '../engine/child-runs';
import { Interrupted } from '../engine/interrupted';
import { StepFailure } from '../engine/step-failure';
import { whenReachable } from './when-reachable';
import { DefinitionStore } from '../workflows/definition-store';
import { LIMITS } from '../workflows/definition-limits';
import { checkInput } from '../workflows/input-schema';

/** The step type `workflow`: a child run, stored with the record of the step, so that there is exactly one. */
@Injectable()
export class WorkflowStep {
  constructor(
    private readonly children: ChildRuns,
    private readonly definitions: DefinitionStore,
  ) {}

  async perform(activity: Activity): Promise<StepResult> {
    const { run, path, record } = activity;
    const { wait = true } = activity.step.with.evaluate(activity.scope) as JsonObject;
    const awaited = wait !== false;
    if (!record) {
      const id = await this.start(activity, awaited);
      if (!awaited) return { output: { runId: id } };
    }
    const deadline =
      activity.step.timeoutMs === undefined
        ? undefined
        : Date.parse(record?.startedAt ?? new Date().toISOString()) + activity.step.timeoutMs;
    for (;;) {
      let child: ChildState | undefined;
      const { rousals } = run.sleepers;
      try {
        child = await whenReachable(activity, () => this.children.find(run.stored.id, path));
        if (!child) throw new Error(`the child run of ${path} is missing`);
        if (child.endedAt !== null) return { output: outputOf(child) };
        if (deadline !== undefined && Date.now() >= deadline) {
          await this.children.cancel(child.id, 'The step of the parent that waits for it took too long.');
          throw new StepFailure('step.timeout', `The child run ${child.id} took too long and was cancelled.`);
        }
        await activity.sleep(deadline, { type: 'workflow', runId: child.id }, rousals);
      } catch (error) {
        // Nobody waits for its result any more.
        if (child && error instanceof Interrupted && !error.leavesNoTrace) {
          await this.children.cancel(child.id, 'The run that waits for it has ended.');
        }
        throw error;
      }
    }
  }

  private async start(activity: Activity, awaited: boolean): Promise<string> {
    const { run, path } = activity;
    const { stored, journal } = run;
    const input = activity.input();
    const target = await this.targetOf(activity, input);
    if (stored.depth >= LIMITS.childLevels) {
      throw new StepFailure('run.depth.too-deep', `Runs may have ${LIMITS.childLevels} levels of child runs.`);
    }
    const childInput = (input.input ?? {}) as JsonObject;
    try {
      const { validateInput } = this.definitions.get(target.id, target.version, target.definition);
      checkInput(validateInput, childInput);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new StepFailure(error.code, error.detail);
    }
    const id = uuidV7();
    journal.child({
      path,
      id,
      workflowId: target.id,
      workflowVersion: target.version,
      agentId: stored.agentId,
      input: childInput,
      requestId: stored.requestId,
      traceparent: run.traceparent,
      awaited,
      depth: stored.depth + 1,
    });
    activity.note({
      status: awaited ? 'waiting' : 'running',
      attempt: 1,
      input: { ...input, version: target.version, runId: id },
      startedAt: new Date().toISOString(),
    });
    if (awaited) {
      await journal.flush();
      this.children.started();
    } else {
      void journal.flush().then(
        () => this.children.started(),
        () => undefined,
      );
    }
    return id;
  }

  private async targetOf(activity: Activity, { workflow, version, input = {} }: JsonObject) {
    if (typeof workflow !== 'string') throw invalid('workflow must be the id or the name of a workflow.');
    if (version !== undefined && version !== null && !Number.isInteger(version)) {
      throw invalid('version must be a whole number.');
    }
    if (typeof input !== 'object' || input === null || Array.isArray(input)) throw invalid('input must be an object.');
    const { agentId } = activity.run.stored;
    const sought = {
      ...(isUuid(workflow) ? { id: workflow } : { name: workflow }),
      version: (version ?? null) as number | null,
    };
    const target = await whenReachable(activity, () => this.children.target(agentId, sought));
    if (target) return target;
    throw new StepFailure(
      'workflow.not-found',
      `There is no workflow ${workflow}${typeof version === 'number' ? ` of version ${version}` : ''}.`,
    );
  }
}

function outputOf({ id, status, output, error }: ChildState): Json {
  if (status === 'completed') return output;
  const why = error ? ` (${error.code}: ${error.detail})` : '';
  throw new StepFailure('step.child.failed', `The child run ${id} ended as ${status}${why}.`);
}

function invalid(detail: string): StepFailure {
  return new StepFailure('step.input.invalid', detail);
}
