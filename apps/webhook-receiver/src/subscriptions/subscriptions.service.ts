import {
  DEFAULT_PAGE_SIZE,
  type Delivery,
  type JsonObject,
  type ListMySubscriptionsRequest,
  type SubscribeRequest,
  type Subscription,
} from '@agent-platform/contracts';
import { inTransaction, readAs, type Tx } from '@agent-platform/database';
import { EgressClient } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import {
  created,
  idOfCursor,
  noContent,
  page,
  toCloudEvent,
  UnitOfWork,
  type Call,
  type Reply,
  type WriteTx,
} from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { ReceiverConfig } from '../config';
import { listDeliveries } from '../deliveries/delivery-columns';
import { DEFAULT_RETRY_SCHEDULE } from '../deliveries/retry-schedule';
import { LogWakeUps } from '../events/log-wake-ups';
import { SecretVault, type SecretOwner } from '../secrets/secret-vault';
import { newSigningSecret, rotated, type SubscriptionSecrets } from './signing-secret';
import { getSubscriptionIn, listSubscriptions, noSubscription } from './subscription-columns';
import { invalid, readSubscription, type SubscriptionFields } from './subscription-fields';

const DEFAULT_GRACE_SECONDS = 24 * 3600;
/** What `test` sends. */
const TEST_EVENT = 'subscription.test';

/** The columns of a subscription that a request may change. */
interface Stored extends QueryResultRow {
  readonly agentId: string;
  readonly targetType: 'webhook' | 'pull';
  readonly seesAll: boolean;
}

/** What became of a subscription's secret, and what it was before. */
interface Changed {
  /** A new one. */
  readonly secret: string | null;
  readonly before?: Subscription;
}

@Injectable()
export class SubscriptionsService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly work: UnitOfWork,
    private readonly vault: SecretVault,
    private readonly egress: EgressClient,
    private readonly config: ReceiverConfig,
    private readonly wakeUps: LogWakeUps,
  ) {}

  /** @throws AppError `event.subscription.invalid`, `event.subscription.not-found`, `event.subscriptions.too-many` */
  async subscribe(call: Call, request: SubscribeRequest): Promise<Reply> {
    const fields = readSubscription(request, this.egress);
    const id = request.id ?? uuidV7();
    const reply = await this.vault.store(() =>
      this.work.write(call, async (tx) => {
        const { secret, before } = await (request.id === undefined
          ? this.insert(tx, call, id, request, fields)
          : this.change(tx, call, id, request, fields));
        const after = await getSubscriptionIn(tx, id);
        tx.audit({
          targetType: 'subscription',
          targetId: id,
          ...(before && { before: auditOf(before) }),
          after: auditOf(after),
        });
        const testDeliveryId = request.test === true ? await this.sendTest(tx, call, after) : undefined;
        return created({ ...after, secret, ...(testDeliveryId !== undefined && { testDeliveryId }) });
      }),
    );
    if (request.test === true) this.wakeUps.stored(new Set([call.agent.id]), [id]);
    return reply;
  }

  /** @throws AppError `event.subscription.not-found` */
  unsubscribe(call: Call, id: string): Promise<Reply> {
    return this.work.write(call, async (tx) => {
      const before = await getSubscriptionIn(tx, id);
      await tx.query({ text: `UPDATE event.event_subscriptions SET status = 'ended' WHERE id = $1`, values: [id] });
      await tx.query({ text: 'DELETE FROM event.secrets WHERE id = $1', values: [id] });
      tx.audit({ targetType: 'subscription', targetId: id, before: auditOf(before) });
      return noContent();
    });
  }

  /** @throws AppError `event.subscription.not-found` for an `id` that is none of the agent's */
  async list({ agent, rows }: Call, request: ListMySubscriptionsRequest): Promise<Reply> {
    const { id, deliveries, cursor, limit = DEFAULT_PAGE_SIZE } = request;
    const after = idOfCursor(cursor);
    if (id === undefined) {
      if (deliveries !== undefined) {
        throw new AppError('request.invalid', 'Deliveries are shown of one subscription: give its id.', {
          errors: [{ path: 'deliveries', message: 'needs id' }],
        });
      }
      return page(await readAs<Subscription>(this.pool, rows, listSubscriptions(agent.id, after, limit + 1)), limit);
    }
    return inTransaction(this.pool, rows, async (tx) => {
      const subscription = await getSubscriptionIn(tx, id);
      if (subscription.agentId !== agent.id) throw noSubscription(id);
      if (deliveries === undefined) return page([subscription], limit);
      const status = deliveries === 'any' ? undefined : deliveries;
      const found = await tx.query<Delivery>(listDeliveries(id, status, after, limit + 1));
      const shown = found.rows.slice(0, limit);
      const nextCursor = found.rows.length > limit ? Buffer.from(shown.at(-1)?.id ?? '').toString('base64url') : null;
      const body = { data: [{ ...subscription, deliveries: shown }], page: { nextCursor } };
      return { status: 200, body: JSON.stringify(body) };
    });
  }

  /** Answers its signing secret, where it has one. */
  private async insert(
    tx: WriteTx,
    call: Call,
    id: string,
    { enabled = true, rotateSecret }: SubscribeRequest,
    fields: SubscriptionFields,
  ): Promise<Changed> {
    if (rotateSecret !== undefined)
      throw invalid([{ path: 'rotateSecret', message: 'needs the id of a subscription' }]);
    const { types = [], filter = null, target = { type: 'pull' }, ordered = false, rateLimitRpm = null } = fields;
    const { retrySchedule = DEFAULT_RETRY_SCHEDULE } = fields;
    await this.checkRoom(tx, call);
    const isWebhook = target.type === 'webhook';
    await tx.query({
      text: `INSERT INTO event.event_subscriptions (id, agent_id, types, filter, target_type, url, header_names, retry_schedule, ordered,
               rate_limit_rpm, sees_all, status, problem)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      values: [
        id,
        call.agent.id,
        types,
        filter,
        target.type,
        isWebhook ? target.url : null,
        isWebhook ? Object.keys(target.headers) : [],
        retrySchedule,
        ordered,
        rateLimitRpm,
        call.rows.seesAll,
        enabled ? 'active' : 'disabled',
        enabled ? null : DISABLED_BY_AGENT,
      ],
    });
    const secret = isWebhook ? newSigningSecret() : null;
    if (isWebhook && secret !== null) {
      const content: SubscriptionSecrets = { secrets: [{ secret, untilMs: null }], headers: target.headers };
      await this.vault.put(tx, ownerOf(id, call.agent.id), content);
    }
    return { secret };
  }

  /** Answers its new signing secret, where one was asked for. */
  private async change(
    tx: WriteTx,
    call: Call,
    id: string,
    request: SubscribeRequest,
    fields: SubscriptionFields,
  ): Promise<Changed> {
    const { rows } = await tx.query<Stored>({
      text: `SELECT agent_id AS "agentId", target_type AS "targetType", sees_all AS "seesAll" FROM event.event_subscriptions
             WHERE id = $1 AND status <> 'ended' FOR UPDATE`,
      values: [id],
    });
    const [stored] = rows;
    if (!stored) throw noSubscription(id);
    const before = await getSubscriptionIn(tx, id);
    const { types, filter, target, ordered, rateLimitRpm, retrySchedule } = fields;
    const targetType = target?.type ?? stored.targetType;
    if (targetType === 'pull' && request.rotateSecret === true) {
      throw invalid([{ path: 'rotateSecret', message: 'has no meaning for a target that is pulled' }]);
    }
    const webhook = target?.type === 'webhook' ? target : undefined;
    await tx.query({
      text: `UPDATE event.event_subscriptions SET types = coalesce($2, types), filter = CASE WHEN $3 THEN $4 ELSE filter END, target_type = $5,
               url = CASE WHEN $5 = 'webhook' THEN coalesce($6, url) END, header_names = CASE WHEN $5 = 'pull' THEN '{}' ELSE coalesce($7, header_names) END,
               retry_schedule = coalesce($8, retry_schedule), ordered = coalesce($9, ordered),
               rate_limit_rpm = CASE WHEN $10 THEN $11 ELSE rate_limit_rpm END, sees_all = $12, status = coalesce($13, status),
               problem = CASE WHEN $13 IS NULL THEN problem WHEN $13 = 'disabled' THEN $14 END,
               failing_since = CASE WHEN $13 = 'active' THEN NULL ELSE failing_since END
             WHERE id = $1`,
      values: [
        id,
        types,
        filter !== undefined,
        filter ?? null,
        targetType,
        webhook?.url,
        webhook && Object.keys(webhook.headers),
        retrySchedule,
        ordered,
        rateLimitRpm !== undefined,
        rateLimitRpm ?? null,
        // Another who changes it lends it nothing of what it may see itself.
        stored.agentId === call.agent.id ? call.rows.seesAll : stored.seesAll,
        request.enabled === undefined ? null : request.enabled ? 'active' : 'disabled',
        DISABLED_BY_AGENT,
      ],
    });
    const secret = await this.changeSecrets(tx, ownerOf(id, stored.agentId), targetType, request, webhook?.headers);
    return { secret, before };
  }

  private async changeSecrets(
    tx: Tx,
    owner: SecretOwner,
    targetType: 'webhook' | 'pull',
    { rotateSecret = false, secretGraceSeconds = DEFAULT_GRACE_SECONDS }: SubscribeRequest,
    headers: SubscriptionSecrets['headers'] | undefined,
  ): Promise<string | null> {
    if (targetType === 'pull') return null;
    const before = await this.vault.find<SubscriptionSecrets>(tx, owner);
    if (before && !rotateSecret && headers === undefined) return null;
    const secret = rotateSecret || !before ? newSigningSecret() : null;
    const secrets =
      secret === null ? (before?.secrets ?? []) : rotated(before ?? { secrets: [] }, secret, secretGraceSeconds * 1000);
    await this.vault.put(tx, owner, {
      secrets,
      headers: headers ?? before?.headers ?? {},
    } satisfies SubscriptionSecrets);
    return secret;
  }

  /** An event and its delivery, beside the way of all others, as no other subscription gets it. */
  private async sendTest(tx: Tx, call: Call, { id, agentId, target, status }: Subscription): Promise<string> {
    if (target.type !== 'webhook') throw invalid([{ path: 'test', message: 'needs a target of the type webhook' }]);
    if (status !== 'active') {
      throw new AppError(
        'event.subscription.disabled',
        'The subscription is disabled. Enable it with enabled: true first.',
      );
    }
    const event = toCloudEvent(
      { type: TEST_EVENT, subject: id, data: { subscriptionId: id } },
      agentId,
      call.traceparent,
    );
    const payload = JSON.stringify(event);
    const deliveryId = uuidV7();
    await tx.query({
      text: `WITH stored AS (
               INSERT INTO event.events (id, position, agent_id, type, subject, payload)
               VALUES ($1, event.take_positions(1), $2, $3, $4::uuid::text, $5) RETURNING position)
             INSERT INTO event.deliveries (id, subscription_id, agent_id, event_id, position, bytes)
             SELECT $6, $4, $2, $1, position, octet_length($5) FROM stored`,
      values: [event.id, agentId, TEST_EVENT, id, payload, deliveryId],
    });
    return deliveryId;
  }

  /** @throws AppError `event.subscriptions.too-many` */
  private async checkRoom(tx: Tx, { agent }: Call): Promise<void> {
    const { maxSubscriptionsPerAgent: max } = this.config;
    const { rows } = await tx.query<{ count: number }>({
      text: `SELECT count(*)::int AS count FROM event.event_subscriptions WHERE agent_id = $1 AND status <> 'ended'`,
      values: [agent.id],
    });
    if ((rows[0]?.count ?? 0) < max) return;
    throw new AppError('event.subscriptions.too-many', `An agent may have ${max} subscriptions. End one first.`);
  }
}

const DISABLED_BY_AGENT = 'It was disabled by event.subscribe.';

function ownerOf(id: string, agentId: string): SecretOwner {
  return { kind: 'subscription', id, agentId };
}

/** What the audit log keeps of a subscription. */
function auditOf({ types, filter, target, retry, ordered, rateLimitRpm, status }: Subscription): JsonObject {
  return {
    types: [...types],
    filter,
    target,
    schedule: [...retry.schedule],
    ordered,
    rateLimitRpm,
    status,
  };
}
