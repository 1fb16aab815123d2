import { Injectable } from '@nestjs/common';
import type { Activity, StepResult, StepRunner } from '../engine/activity';
import { ChildRuns } from '../engine/child-runs';
import { EngineMetrics } from '../engine/engine-metrics';
import { CommandStore } from '../commands/command-store';
import { AgentStep } from './agent-step';
import { makeAttempts } from './attempts';
import { DataStep } from './data-step';
import { foreach, parallel } from './holding-steps';
import { HttpStep } from './http-step';
import { IntegrationStep } from './integration-step';
import { approval, wait } from './waiting-steps';
import { WorkflowStep } from './workflow-step';

/** Performs each type of step that takes time. */
@Injectable()
export class StepPerformers implements StepRunner {
  constructor(
    private readonly http: HttpStep,
    private readonly integration: IntegrationStep,
    private readonly data: DataStep,
    private readonly workflow: WorkflowStep,
    private readonly agent: AgentStep,
    private readonly children: ChildRuns,
    private readonly commands: CommandStore,
    private readonly measured: EngineMetrics,
  ) {}

  async cancelAwaited(runId: string): Promise<void> {
    await this.children.cancelOf(runId);
    await this.commands.cancelOf(runId);
  }

  async perform(activity: Activity): Promise<StepResult> {
    const startedAt = performance.now();
    try {
      return await this.performNow(activity);
    } finally {
      this.measured.stepTook(activity.step.type, startedAt);
    }
  }

  private async performNow(activity: Activity): Promise<StepResult> {
    const { step, signal, run, path } = activity;
    switch (step.type) {
      case 'http':
        return makeAttempts(activity, (input) =>
          this.http.attempt(input, {
            timeoutMs: step.timeoutMs ?? 0,
            signal,
            idempotencyKey: `${run.stored.id}:${path}`,
            traceparent: run.stored.traceparent,
          }),
        );
      case 'integration':
        return makeAttempts(activity, (input, attempt) => this.integration.attempt(activity, input, attempt));
      case 'data':
        return makeAttempts(activity, (input) => this.data.attempt(activity, input));
      case 'workflow':
        return this.workflow.perform(activity);
      case 'agent':
        return this.agent.perform(activity);
      case 'wait':
        return wait(activity);
      case 'approval':
        return approval(activity);
      case 'parallel':
        return parallel(activity);
      case 'foreach':
        return foreach(activity);
      case 'transform':
      case 'event':
        throw new Error(`a ${step.type} step takes no time`);
    }
  }
}
