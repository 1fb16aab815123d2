import { findAction, type ActionDefinition, type JsonObject } from '@agent-platform/contracts';
import { AppError, toProblem, type Problem } from '@agent-platform/errors';
import type { Logger } from '@agent-platform/observability';
import { getNamedType, GraphQLError, type ExecutionResult, type GraphQLResolveInfo } from 'graphql';
import { Refusal, refusal } from '../../pipeline/authenticate';
import { targetOf, type AuditTrail, type Origin } from '../../pipeline/audit-trail';
import { authorize } from '../../pipeline/authorize';
import type { Forwarder } from '../../pipeline/forwarder';
import type { Known } from '../../pipeline/identity-cache';
import type { Decision, RateLimiter } from '../../pipeline/rate-limiter';
import { jsonOf } from '../json-of';
import { AnswerSize } from './answer-size';
import { keyOfChange } from './change-keys';
import { fieldsWithin } from './fields-within';
import { ReadBatches } from './read-batches';
import { JSON_SCALAR } from './scalars';

/** The answer of a list. */
export interface Page {
  readonly data: readonly unknown[];
  readonly page: { readonly nextCursor: string | null; readonly [extra: string]: unknown };
}

export interface CallParts {
  readonly forwarder: Forwarder;
  readonly trail: AuditTrail;
  readonly limiter: RateLimiter;
  readonly logger: Logger;
}

/** One document that is executed: who asks, and how its calls are to be made. */
export interface Execution {
  readonly origin: Origin;
  /** Who asks, as it is now. @throws Refusal */
  readonly identity: () => Promise<Known>;
  /** The idempotency key of the request. */
  readonly idempotencyKey: string | undefined;
  /** Whether several of its fields change something, so that each needs a key of its own. */
  readonly hasSeveralChanges: boolean;
  /** Told what is left of the limit, where an answer says so. */
  readonly onLimit?: (limit: Decision) => void;
  /** Called when an answer shows a secret that is shown once. */
  readonly onSecret: () => void;
}

/**
 * The calls of actions that one GraphQL document makes. Each field of an operation is a call; what is read for fields within is read
 * together, in one request for each service and level. The request itself has paid for the first call within the agent's rate limit; each
 * further one, and each such request, takes a permit more.
 */
export class ActionCalls {
  private readonly batches: ReadBatches;
  private calls = 0;
  private size = new AnswerSize();

  constructor(
    protected readonly parts: CallParts,
    protected readonly execution: Execution,
  ) {
    this.batches = new ReadBatches(parts.forwarder, execution.origin, {
      admit: (action) => this.reported({ action, pathParams: {} }, () => this.admit(action)),
      take: (identity, action) => this.reported({ action, pathParams: {} }, () => this.take(identity)),
      size: () => this.size,
      report: (action, params, work) => this.reported({ action, pathParams: targetOf(params) }, work),
    });
  }

  /** Calls the action of a field of the operation. @throws GraphQLError with the problem */
  async perform(name: string, params: JsonObject, responseKey: string): Promise<unknown> {
    const action = actionOf(name);
    const { origin, idempotencyKey: key, hasSeveralChanges, onSecret } = this.execution;
    const isChange = action.effect !== 'read';
    // What was read before a change may not be so any more.
    if (isChange) this.batches.forget();
    return this.reported({ action, pathParams: targetOf(params) }, async () => {
      const identity = await this.admitCall(action);
      this.size.checkRoom();
      const answer = await this.parts.forwarder.forward(origin, identity, {
        action,
        payload: jsonOf(params),
        pathParams: targetOf(params),
        idempotencyKey:
          isChange && key !== undefined && hasSeveralChanges
            ? keyOfChange(key, responseKey)
            : isChange
              ? key
              : undefined,
      });
      if (action.answersSecret) onSecret();
      this.size.receive(answer.body.length);
      return dataOf(answer.status, answer.body === '' ? null : JSON.parse(answer.body), action);
    });
  }

  /** Reads something for a field within another one. @throws GraphQLError with the problem */
  async read(name: string, params: JsonObject): Promise<unknown> {
    const action = actionOf(name);
    const { status, body } = await this.batches.read(action, params);
    return dataOf(status, body, action);
  }

  /** Another answer begins: what was read is read again, and it may have its own size. */
  refresh(): void {
    this.batches.forget();
    this.size = new AnswerSize();
  }

  /** A result as it may be told: what is no problem of ours is told as one, as no message of a fault gets out. */
  told(result: ExecutionResult): ExecutionResult {
    if (!result.errors) return result;
    const { requestId } = this.execution.origin;
    const errors = result.errors.map((error) => {
      const { originalError, nodes, path } = error;
      if (originalError === undefined || originalError instanceof GraphQLError) return error;
      this.parts.logger.error({ msg: 'a field failed', requestId, path: path?.join('.'), err: originalError });
      const { message, extensions } = problemError(toProblem(originalError, requestId));
      return new GraphQLError(message, { nodes, path, extensions });
    });
    return { ...result, errors };
  }

  /** Who asks, where it has a permit for the call and may make it now: what is refused is paid for too. @throws Refusal */
  protected async admitCall(action: ActionDefinition): Promise<Known> {
    const identity = await this.execution.identity();
    if (this.calls++ > 0) await this.take(identity);
    authorize(identity, action);
    return identity;
  }

  /**
   * What a field gives: counts it where there may be much of it.
   *
   * @throws GraphQLError `action.answer.too-large`
   */
  tell(value: unknown, info: GraphQLResolveInfo): unknown {
    try {
      if (getNamedType(info.returnType) === JSON_SCALAR) this.size.tell(value);
      else if (Array.isArray(value)) this.size.list(value.length * fieldsWithin(info));
    } catch (error) {
      throw problemError(toProblem(error, this.execution.origin.requestId));
    }
    return value;
  }

  /** Who asks, where it may call the action now. @throws Refusal */
  private async admit(action: ActionDefinition): Promise<Known> {
    const identity = await this.execution.identity();
    authorize(identity, action);
    return identity;
  }

  /** @throws Refusal 429 */
  private async take(identity: Known): Promise<void> {
    const decision = await this.parts.limiter.take(identity.agent.id);
    this.execution.onLimit?.(decision);
    const { allowed, limit, retryAfterMs } = decision;
    if (allowed) return;
    const detail = `This agent may make ${limit} requests in any 60 seconds, and each field of an operation counts as one. Wait as long as Retry-After says.`;
    throw refusal('auth.rate-limit.exceeded', detail, identity, retryAfterMs);
  }

  /** Does something; what goes wrong is told as any refusal is. @throws GraphQLError with the problem */
  protected async reported<Result>(
    subject: { action: ActionDefinition; pathParams: Record<string, string> },
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { origin } = this.execution;
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof GraphQLError) throw thrown;
      const error = thrown instanceof Refusal ? await this.parts.trail.refuse(origin, subject, thrown) : thrown;
      if (!(error instanceof AppError)) throw error;
      if (!(thrown instanceof Refusal)) this.parts.trail.note(origin, subject, error.code);
      throw problemError(toProblem(error, origin.requestId));
    }
  }
}

/** A problem as an error of GraphQL: its sentence, and all of it in `extensions`. */
export function problemError({ detail, ...problem }: Problem): GraphQLError {
  return new GraphQLError(detail, { extensions: problem });
}

/** @throws GraphQLError where it is a problem */
function dataOf(status: number, body: unknown, { list }: ActionDefinition): unknown {
  if (status >= 400) throw problemError(body as Problem);
  return list || body === null ? body : (body as { data: unknown }).data;
}

function actionOf(name: string): ActionDefinition {
  const action = findAction(name);
  if (!action) throw new Error(`there is no action ${name}`);
  return action;
}
