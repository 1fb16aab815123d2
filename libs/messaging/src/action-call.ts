import { createHash } from 'node:crypto';
import type { ActionDefinition } from '@agent-platform/contracts';
import type { RowContext } from '@agent-platform/database';
import { rowContextOf, type AgentContext, type CallContext, type ClientInfo } from './call';

/** One request to an action, as its handler sees it. */
export class Call {
  constructor(
    readonly action: ActionDefinition,
    private readonly context: CallContext,
    private readonly payload: Uint8Array,
  ) {}

  get agent(): AgentContext {
    return this.context.agent;
  }

  get client(): ClientInfo {
    return this.context.client;
  }

  get requestId(): string {
    return this.context.requestId;
  }

  get traceparent(): string {
    return this.context.traceparent;
  }

  get idempotencyKey(): string | undefined {
    return this.context.idempotencyKey;
  }

  get depth(): number {
    return this.context.depth ?? 0;
  }

  /** Whether an integration that is down is not to be called. */
  get notWhileDown(): boolean {
    return this.context.notWhileDown === true;
  }

  /** Whose rows this call may see and change. */
  get rows(): RowContext {
    return rowContextOf(this.context.agent);
  }

  /** SHA-256 over all params: what tells a repeated request from another one under the same idempotency key. */
  paramsHash(): Buffer {
    return createHash('sha256')
      .update(JSON.stringify([this.context.pathParams ?? {}, this.context.queryParams ?? {}]))
      .update(this.payload)
      .digest();
  }
}
