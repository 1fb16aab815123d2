import type { Call } from './action-call';
import type { Reply } from './reply';
import { firstAnswer } from './unit-of-work';

/** An idempotency key as a batch of several requests claims it. */
export interface KeyOfRequest {
  readonly agentId: string;
  readonly action: string;
  readonly key: string;
  /** In hex. */
  readonly paramsHash: string;
}

/**
 * Of a service that stores several requests in one transaction: the keys whose first request this process is at. The database
 * tells two transactions apart, not two entries of one.
 */
export class KeysUnderWay {
  private readonly keys = new Set<string>();

  /**
   * @param store is given the key to claim and keep the answer under, where the request has one
   * @throws AppError `request.idempotency-key.in-progress`
   */
  async hold(call: Call, store: (key: KeyOfRequest | undefined) => Promise<Reply>): Promise<Reply> {
    const { agent, action, idempotencyKey: key } = call;
    if (key === undefined) return store(undefined);
    const identity = JSON.stringify([agent.id, action.name, key]);
    if (this.keys.has(identity)) firstAnswer({ outcome: 'running', status: 0, body: '' });
    this.keys.add(identity);
    try {
      return await store({
        agentId: agent.id,
        action: action.name,
        key,
        paramsHash: call.paramsHash().toString('hex'),
      });
    } finally {
      this.keys.delete(identity);
    }
  }
}
