import type { JsonObject } from '../json';
import type { ServiceName } from '../services';

/** Reads of one agent that a service answers in one message: what a level of a GraphQL query asks of it. */
export interface BatchRequest {
  readonly calls: readonly BatchedCall[];
}

export interface BatchedCall {
  /** The name of one that only reads. */
  readonly action: string;
  readonly params: JsonObject;
}

/** In the order of the calls; null for what had no room in the message, and is to be asked for again. */
export interface BatchReply {
  readonly answers: readonly ({ readonly status: number; readonly body: unknown } | null)[];
}

/** How many calls one batch may have. */
export const MAX_BATCHED_CALLS = 200;

/** Where a service takes batches; only the gateway may send there. */
export function batchSubjectOf(service: ServiceName): string {
  return `rpc.internal.${service}.batch.v1`;
}
