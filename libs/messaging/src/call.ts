import type { Capability } from '@agent-platform/contracts';
import type { RowContext } from '@agent-platform/database';

/** The agent on whose behalf a request is made, as the gateway authenticated it. */
export interface AgentContext {
  readonly id: string;
  readonly name: string;
  readonly capabilities: readonly Capability[];
}

/** Where a request came from; kept in the audit log. */
export interface ClientInfo {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** What travels beside the params of an action. */
export interface CallContext {
  readonly agent: AgentContext;
  readonly client: ClientInfo;
  readonly requestId: string;
  /** W3C trace context. */
  readonly traceparent: string;
  readonly idempotencyKey?: string;
  /** Of a call by a step: how many runs have led to it; its events say so. */
  readonly depth?: number;
  /** Of a call by a step: an integration that is down is not called, as the run would rather wait for it. */
  readonly notWhileDown?: true;
  /** Params from the path; they outrank the body's, and a contradiction is refused. */
  readonly pathParams?: Readonly<Record<string, string>>;
  /** Params from the query string, still as text. */
  readonly queryParams?: Readonly<Record<string, string | string[]>>;
}

/** The one header that carries the context: JSON in ASCII, as NATS headers are lines of text. */
export const CONTEXT_HEADER = 'Call-Context';

/** The span of whoever asks, where it is recorded, and of internal calls the request that they are made for. */
export const TRACEPARENT_HEADER = 'Traceparent';
export const REQUEST_ID_HEADER = 'Request-Id';

export function encodeContext(context: CallContext): string {
  return JSON.stringify(context).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Trusts its sender: NATS permissions let only gateway and executor publish to actions. */
export function decodeContext(header: string): CallContext {
  return JSON.parse(header) as CallContext;
}

/** Whose rows the caller may see: its own, or with `system_admin` everyone's. */
export function rowContextOf(agent: AgentContext): RowContext {
  return { agentId: agent.id, seesAll: agent.capabilities.includes('system_admin') };
}

/** The trace id inside a traceparent (W3C Trace Context section 3.2.2.3). */
export function traceIdOf(traceparent: string): string | null {
  return traceparent.split('-')[1] ?? null;
}
