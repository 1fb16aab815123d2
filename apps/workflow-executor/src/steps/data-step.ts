import { ACTIONS, subjectOf, type Json, type JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Bus, CONTEXT_HEADER, encodeContext, header, STATUS_HEADER } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import type { Activity } from '../engine/activity';
import { checkCapability } from '../engine/agent-directory';
import { StepFailure } from '../engine/step-failure';

/** The step type `data`: one action of the domain `data`, as the run's agent. */
@Injectable()
export class DataStep {
  constructor(private readonly bus: Bus) {}

  /** @throws StepFailure with the code of the action's problem */
  async attempt(activity: Activity, { action: verb, ...params }: JsonObject): Promise<Json> {
    const action = ACTIONS.find(({ name }) => typeof verb === 'string' && name === `data.${verb}`);
    if (!action)
      throw new StepFailure('step.input.invalid', 'action must be get, list, create, update, delete or query.');
    const { stored, agents } = activity.run;
    const agent = await agents.find(stored.agentId);
    if (action.capability !== null) checkCapability(agent, action.capability);
    const context = encodeContext({
      agent: { id: agent.id, name: agent.name, capabilities: agent.capabilities },
      client: { ip: null, userAgent: null },
      requestId: stored.requestId,
      traceparent: stored.traceparent,
      // The same for every attempt, so that the effect happens once.
      ...(action.effect !== 'read' && { idempotencyKey: `${stored.id}:${activity.path}` }),
    });
    const { status, body } = await this.send(subjectOf(action), params, context, activity.step.timeoutMs);
    if (status < 400) return status === 204 ? {} : ((JSON.parse(body) as { data: Json }).data ?? null);
    const { code, detail } = JSON.parse(body) as { code: ConstructorParameters<typeof StepFailure>[0]; detail: string };
    throw new StepFailure(code, detail, status);
  }

  private async send(subject: string, params: JsonObject, context: string, timeoutMs: number | undefined) {
    try {
      const options = { headers: header(CONTEXT_HEADER, context), timeoutMs };
      const message = await this.bus.request(subject, JSON.stringify(params), options);
      return { status: Number(message.headers?.get(STATUS_HEADER)), body: message.string() };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new StepFailure(error.code, error.detail, error.code === 'service.timeout' ? 'timeout' : 'network');
    }
  }
}
