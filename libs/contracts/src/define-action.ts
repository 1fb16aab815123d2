import type { ErrorCode } from '@agent-platform/errors';
import type { Capability } from './capabilities';
import type { JsonObject } from './json';
import type { Page } from './page';

/** A class whose class-validator decorators describe the params of an action. */
export type RequestClass<Request extends object = object> = new () => Request;
/** A class that documents what an action answers in `data`; lists answer an array of it. */
export type ReplyClass<Reply extends object = object> = new () => Reply;

export interface ActionHttp {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{param}` segments; each is a field of the request. */
  readonly path: string;
  /** 200, or 201 on create, 202 where work goes on, 204 (no body) on delete. */
  readonly success: 200 | 201 | 202 | 204;
  /** Fields of the request that travel in the query string of a request with a body (of GET and DELETE all do). */
  readonly query?: readonly string[];
  /** The field that says which version is meant; a request may give it as the entity tag in `If-Match` (RFC 9110 section 13.1.1). */
  readonly ifMatch?: string;
}

export interface ActionDefinition<Request extends object = object, Reply extends object = object> {
  /** `<domain>.<verb>`: the one word for the action in URLs, subjects, spans, logs and audit rows. */
  readonly name: string;
  /** What the agent must hold; null for what an agent may always do to itself. */
  readonly capability: Capability | null;
  /** `write` and `destructive` actions take an `Idempotency-Key` and leave an audit row with their change. */
  readonly effect: 'read' | 'write' | 'destructive';
  readonly http: ActionHttp;
  readonly request: RequestClass<Request>;
  /** Null for an action that answers 204. */
  readonly reply: ReplyClass<Reply> | null;
  /** True for `{data: [...], page}`. */
  readonly list?: boolean;
  /** What `page` of a list tells, where that is more than the next cursor. */
  readonly page?: ReplyClass<Page>;
  /** What it may answer with 200 instead: what it has started at its end, or something that it was asked for instead of starting it. */
  readonly okReplies?: readonly ReplyClass[];
  /** What can go wrong besides what may with every action (docs/api-reference.md lists both). */
  readonly problems?: readonly ErrorCode[];
  /** True where the answer holds a key or secret that is shown this once; an answer kept for a repetition is encrypted. */
  readonly answersSecret?: boolean;
  /** The param that says how many seconds it may take beyond what actions usually do; without one it is `wait`, 0 to 60. */
  readonly duration?: { readonly param: string; readonly defaultSeconds: number; readonly maxSeconds: number };
  /** What it does, in a sentence or two, for the documents. */
  readonly summary: string;
  /** Params that the documents show; they must pass the request's own validation. */
  readonly example: JsonObject;
}

/** Declares one action; the registry holds them all. */
export function defineAction<Request extends object, Reply extends object>(
  definition: ActionDefinition<Request, Reply>,
): ActionDefinition<Request, Reply> {
  return definition;
}

/** The NATS subject of an action: `rpc.<action>.v1`. */
export function subjectOf(action: Pick<ActionDefinition, 'name'>): string {
  return `rpc.${action.name}.v1`;
}
