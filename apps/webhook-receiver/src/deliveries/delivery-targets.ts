import type { Tx } from '@agent-platform/database';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { SecretVault } from '../secrets/secret-vault';
import type { SubscriptionSecrets } from '../subscriptions/signing-secret';

const MAX_ENTRIES = 10_000;

/** What is needed to deliver to a subscription. */
export interface DeliveryTarget extends SubscriptionSecrets {
  readonly version: number;
  readonly agentId: string;
  readonly url: string;
  readonly retrySchedule: readonly string[];
}

interface TargetRow extends QueryResultRow {
  readonly version: number;
  readonly agentId: string;
  readonly url: string | null;
  readonly retrySchedule: string[];
  readonly status: string;
}

/** The endpoints of subscriptions with their secrets, opened once per change. */
@Injectable()
export class DeliveryTargets {
  private readonly known = new LRUCache<string, DeliveryTarget>({ max: MAX_ENTRIES });

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly vault: SecretVault,
  ) {}

  /**
   * @param version of the subscription, at least; an older one is read again
   * @returns undefined where there is nothing to deliver to any more
   */
  async find(subscriptionId: string, version: number): Promise<DeliveryTarget | undefined> {
    const known = this.known.get(subscriptionId);
    if (known && known.version >= version) return known;
    const tx: Tx = {
      query: <Row extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<Row>> => this.pool.query<Row>(query),
    };
    const { rows } = await tx.query<TargetRow>({
      name: 'find-delivery-target',
      text: `SELECT version, agent_id AS "agentId", url, retry_schedule AS "retrySchedule", status FROM event.event_subscriptions WHERE id = $1`,
      values: [subscriptionId],
    });
    const [row] = rows;
    if (!row || row.url === null || row.status !== 'active') return undefined;
    const { agentId, url, retrySchedule } = row;
    const owner = { kind: 'subscription', id: subscriptionId, agentId } as const;
    const secrets = await this.vault.find<SubscriptionSecrets>(tx, owner);
    if (!secrets) return undefined;
    const target = { ...secrets, version: row.version, agentId, url, retrySchedule };
    this.known.set(subscriptionId, target);
    return target;
  }
}
