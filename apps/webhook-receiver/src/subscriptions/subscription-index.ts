import type { CloudEvent } from '@agent-platform/contracts';
import { compileEventFilter, type EventFilter } from '@agent-platform/expressions';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { splitPatterns } from '../events/type-patterns';

/** A subscription whose target is a webhook, as events are matched with it. */
export interface Matched {
  readonly id: string;
  readonly agentId: string;
  /** Grows with each change of it. */
  readonly version: number;
  readonly ordered: boolean;
  /** Has a rate limit. */
  readonly isPaced: boolean;
}

interface SubscriptionRow extends QueryResultRow {
  readonly id: string;
  readonly agentId: string;
  readonly types: readonly string[];
  readonly filter: string | null;
  readonly changedAt: number;
  readonly ordered: boolean;
  readonly isPaced: boolean;
  readonly seesAll: boolean;
  readonly isLive: boolean;
}

interface Indexed extends Matched {
  readonly audience: string;
  readonly types: readonly string[];
  readonly filter: EventFilter | undefined;
}

/** Whose subscriptions see everyone's events. */
const EVERYONE = '*';

/** The subscriptions of one audience: an agent's for its own events, or those that see all. */
class Audience {
  readonly exact = new Map<string, Set<Indexed>>();
  readonly beginnings = new Map<string, Set<Indexed>>();

  add(subscription: Indexed): void {
    const { exact, beginnings } = splitPatterns(subscription.types);
    for (const type of exact) put(this.exact, type, subscription);
    for (const beginning of beginnings) put(this.beginnings, beginning, subscription);
  }

  delete(subscription: Indexed): void {
    const { exact, beginnings } = splitPatterns(subscription.types);
    for (const type of exact) take(this.exact, type, subscription);
    for (const beginning of beginnings) take(this.beginnings, beginning, subscription);
  }

  /** Those for a type; one that names it by several patterns is there once. */
  find(type: string, found: Set<Indexed>): void {
    for (const subscription of this.exact.get(type) ?? []) found.add(subscription);
    for (const [beginning, subscriptions] of this.beginnings) {
      if (type.startsWith(beginning)) for (const subscription of subscriptions) found.add(subscription);
    }
  }
}

/** The live webhook subscriptions in memory. The database says with each storing of events whether they are the newest. */
@Injectable()
export class SubscriptionIndex implements OnModuleInit {
  private readonly byId = new Map<string, Indexed>();
  private readonly audiences = new Map<string, Audience>();
  private refreshing: Promise<void> | undefined;
  /** `log_head.subscriptions_version` up to which changes are known. */
  version = -1;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): Promise<void> {
    return this.refresh();
  }

  /** Reads what has changed. Several callers at once make one read. */
  refresh(): Promise<void> {
    return (this.refreshing ??= this.read().finally(() => (this.refreshing = undefined)));
  }

  match(event: CloudEvent): Matched[] {
    const found = new Set<Indexed>();
    this.audiences.get(event.agentid)?.find(event.type, found);
    this.audiences.get(EVERYONE)?.find(event.type, found);
    return [...found].filter(({ filter }) => filter === undefined || filter(event));
  }

  private async read(): Promise<void> {
    const { rows } = await this.pool.query<{ version: number } & SubscriptionRow>({
      name: 'read-subscriptions',
      text: `SELECT h.subscriptions_version AS version, s.id, s.agent_id AS "agentId", s.types, s.filter, s.ordered, s.sees_all AS "seesAll",
               s.version AS "changedAt", s.rate_limit_rpm IS NOT NULL AS "isPaced",
               s.status = 'active' AND s.target_type = 'webhook' AS "isLive"
             FROM event.log_head h LEFT JOIN event.event_subscriptions s ON s.version > $1`,
      values: [this.version],
    });
    for (const row of rows) if (row.id !== null) this.put(row);
    this.version = rows[0]?.version ?? this.version;
  }

  private put({ id, agentId, types, filter, ordered, isPaced, seesAll, isLive, changedAt }: SubscriptionRow): void {
    const before = this.byId.get(id);
    if (before) {
      this.audiences.get(before.audience)?.delete(before);
      this.byId.delete(id);
    }
    if (!isLive) return;
    const audience = seesAll ? EVERYONE : agentId;
    const matched = { id, agentId, version: changedAt, ordered, isPaced };
    const subscription = { ...matched, audience, types, filter: this.filterOf(id, filter) };
    this.byId.set(id, subscription);
    const known = this.audiences.get(audience) ?? new Audience();
    this.audiences.set(audience, known);
    known.add(subscription);
  }

  /** Each was checked when it was stored; one that a newer version of the language refuses lets nothing pass. */
  private filterOf(id: string, text: string | null): EventFilter | undefined {
    if (text === null) return undefined;
    try {
      return compileEventFilter(text);
    } catch (error) {
      this.logger.error({ msg: 'the filter of a subscription cannot be read', subscriptionId: id, err: error });
      return () => false;
    }
  }
}

function put(map: Map<string, Set<Indexed>>, key: string, subscription: Indexed): void {
  const known = map.get(key);
  if (known) known.add(subscription);
  else map.set(key, new Set([subscription]));
}

function take(map: Map<string, Set<Indexed>>, key: string, subscription: Indexed): void {
  const known = map.get(key);
  known?.delete(subscription);
  if (known?.size === 0) map.delete(key);
}
