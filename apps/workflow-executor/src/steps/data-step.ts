import { ACTIONS, type Json, type JsonObject } from '@agent-platform/contracts';
import { Injectable } from '@nestjs/common';
import type { Activity } from '../engine/activity';
import { StepFailure } from '../engine/step-failure';
import { ActionCalls } from './action-calls';

/** The step type `data`: one action of the domain `data`, as the run's agent. */
@Injectable()
export class DataStep {
  constructor(private readonly actions: ActionCalls) {}

  /** @throws StepFailure with the code of the action's problem */
  async attempt(activity: Activity, { action: verb, ...params }: JsonObject): Promise<Json> {
    const action = ACTIONS.find(({ name }) => typeof verb === 'string' && name === `data.${verb}`);
    if (!action)
      throw new StepFailure('step.input.invalid', 'action must be get, list, create, update, delete or query.');
    // The same for every attempt, so that the effect happens once.
    const key = action.effect === 'read' ? undefined : `${activity.run.stored.id}:${activity.path}`;
    return this.actions.call(activity, action, params, { idempotencyKey: key, timeoutMs: activity.step.timeoutMs });
  }
}
