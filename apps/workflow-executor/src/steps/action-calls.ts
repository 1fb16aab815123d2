import {
  subjectOf,
  type ActionDefinition,
  type AgentIdentity,
  type Json,
  type JsonObject,
} from '@agent-platform/contracts';
import { AppError, type ErrorCode } from '@agent-platform/errors';
import { Bus, checkCapability, CONTEXT_HEADER, encodeContext, header, STATUS_HEADER } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import type { Activity } from '../engine/activity';
import { StepFailure } from '../engine/step-failure';

/** How the action of a step is called. */
interface ActionCallOptions {
  /** The same for what is to happen once. */
  readonly idempotencyKey: string | undefined;
  readonly timeoutMs: number | undefined;
  /** An integration that is down is not called. */
  readonly notWhileDown?: true;
}

interface Problem {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfterMs?: number;
  readonly integrationId?: string;
}

/** Calls actions as the agent of a run, with the capabilities that it holds now. */
@Injectable()
export class ActionCalls {
  constructor(private readonly bus: Bus) {}

  /**
   * What the action answers in `data`. A first request under the same key that is still running, as after a takeover, is waited for.
   *
   * @throws StepFailure with the code of the action's problem; AppError `auth.capability.missing`; the signal's reason
   */
  async call(
    activity: Activity,
    action: ActionDefinition,
    params: JsonObject,
    { idempotencyKey, timeoutMs, notWhileDown }: ActionCallOptions,
  ): Promise<Json> {
    const { stored } = activity.run;
    const agent = await this.agentOf(activity);
    if (action.capability !== null) checkCapability(agent, action.capability);
    const context = encodeContext({
      agent: { id: agent.id, name: agent.name, capabilities: agent.capabilities },
      client: { ip: null, userAgent: null },
      requestId: stored.requestId,
      traceparent: stored.traceparent,
      depth: stored.depth + 1,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(notWhileDown && { notWhileDown }),
    });
    for (;;) {
      const { status, body } = await this.send(activity, subjectOf(action), params, context, timeoutMs);
      if (status < 400) return status === 204 ? {} : ((JSON.parse(body) as { data: Json }).data ?? null);
      const { code, detail, retryAfterMs, integrationId } = JSON.parse(body) as Problem;
      if (code !== 'request.idempotency-key.in-progress') {
        throw new StepFailure(code, detail, status, retryAfterMs, integrationId);
      }
      await orAborted(new Promise((resolve) => setTimeout(resolve, retryAfterMs)), activity.signal);
    }
  }

  /** The agent as it is now. Where `auth` cannot be asked nothing was called, and another attempt may. */
  private async agentOf({ run: { agents, stored } }: Activity): Promise<AgentIdentity> {
    try {
      return await agents.find(stored.agentId);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 503) throw error;
      throw new StepFailure('service.unavailable', error.detail, 'network');
    }
  }

  private async send(
    { signal }: Activity,
    subject: string,
    params: JsonObject,
    context: string,
    timeoutMs: number | undefined,
  ) {
    try {
      const options = { headers: header(CONTEXT_HEADER, context), timeoutMs };
      const message = await orAborted(this.bus.request(subject, JSON.stringify(params), options), signal);
      return { status: Number(message.headers?.get(STATUS_HEADER)), body: message.string() };
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      throw new StepFailure(error.code, error.detail, error.code === 'service.timeout' ? 'timeout' : 'network');
    }
  }
}

/** @throws the signal's reason as soon as there is one */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
