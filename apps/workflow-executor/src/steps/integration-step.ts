import { executeIntegration, MAX_CALL_SECONDS, type Json, type JsonObject } from '@agent-platform/contracts';
import { retryAfterMsOf } from '@agent-platform/egress';
import { Injectable } from '@nestjs/common';
import type { Activity } from '../engine/activity';
import { StepFailure } from '../engine/step-failure';
import { ActionCalls } from './action-calls';
import { isExpected } from './http-step';

/** The answer comes after the call's own time is up, not before. */
const ANSWER_MARGIN_MS = 2000;

/** The step type `integration`: `integration.execute` as the run's agent, answering `{status, headers, body}`. */
@Injectable()
export class IntegrationStep {
  constructor(private readonly actions: ActionCalls) {}

  /**
   * The provider gets the same `Idempotency-Key` with every attempt. The call itself has one per attempt: an attempt that is made
   * again after a takeover gets the answer of the first, and the next attempt makes a new call.
   *
   * @throws StepFailure with the code of the action's problem, or `step.http.status`
   */
  async attempt(
    activity: Activity,
    { integration, expectStatus, ...call }: JsonObject,
    attempt: number,
  ): Promise<Json> {
    if (typeof integration !== 'string') throw new StepFailure('step.input.invalid', 'integration must be text.');
    const key = `${activity.run.stored.id}:${activity.path}`;
    const timeoutMs = Math.min(activity.step.timeoutMs ?? Infinity, MAX_CALL_SECONDS * 1000);
    const params = {
      ...call,
      id: integration,
      headers: { 'idempotency-key': key, ...(call.headers as JsonObject | undefined) },
      timeoutSeconds: Math.max(Math.floor(timeoutMs / 1000), 1),
    };
    const answer = (await this.actions.call(activity, executeIntegration, params, {
      idempotencyKey: `${key}:${attempt}`,
      timeoutMs: timeoutMs + ANSWER_MARGIN_MS,
      notWhileDown: true,
    })) as { status: number; headers: Record<string, string>; body: Json };
    if (isExpected(answer.status, expectStatus)) return answer;
    const detail = `${integration} answered ${answer.status}.`;
    throw new StepFailure('step.http.status', detail, answer.status, retryAfterMsOf(answer.headers));
  }
}
