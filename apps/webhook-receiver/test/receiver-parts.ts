import { toCloudEvent, AgentDirectory, Bus, natsAccountsConfig, OutboxRelay } from '@agent-platform/messaging';
import type { CloudEvent } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import { EgressClient } from '@agent-platform/egress';
import { createLogger, makeTraceparent, Metrics } from '@agent-platform/observability';
// eslint-disable-next-line no-restricted-imports
import {
  createTestDatabase,
  MASTER_KEY,
  startApp,
  startNatsBackend,
  testEnvironment,
  type TestDatabase,
} from '@agent-platform/testing';
import { MasterKeys } from '@agent-platform/vault';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { ReceiverConfig } from '../src/config';
import { SECRET_TABLES } from '../src/database/secret-tables';
import { Clock } from '../src/deliveries/clock';
import { DeliveryTargets } from '../src/deliveries/delivery-targets';
import { DeliveryMetrics } from '../src/deliveries/delivery-metrics';
import { Dispatcher } from '../src/deliveries/dispatcher';
import { SubscriptionDisabler } from '../src/deliveries/subscription-disabler';
import { EventMetrics } from '../src/events/event-metrics';
import { EventLog } from '../src/events/event-log';
import { LogWakeUps } from '../src/events/log-wake-ups';
import { SecretVault } from '../src/secrets/secret-vault';
import { newSigningSecret } from '../src/subscriptions/signing-secret';
import { SubscriptionIndex } from '../src/subscriptions/subscription-index';

const logger = createLogger({ service: 'test', destination: { write: () => undefined } });

/** A clock that stands until it is moved; it begins after all that the database calls now. */
export class VirtualClock extends Clock {
  private ms = Date.parse('2036-03-28T00:30:00Z');

  override forDatabase(): Date {
    return new Date(this.ms);
  }

  override nowMs(): number {
    return this.ms;
  }

  forward(ms: number): void {
    this.ms += ms;
  }
}

/** Database, bus and the real `auth`, for tests of the parts of this service. */
export interface ReceiverParts {
  readonly database: TestDatabase;
  readonly bus: Bus;
  /** Of scope `service`. */
  readonly pool: Pool;
  /** An active agent with all capabilities. */
  readonly agentId: string;
  newLog(): Promise<EventLog>;
  newDispatcher(clock: Clock, log: EventLog, changes?: Partial<ReceiverConfig>): Dispatcher;
  /** A subscription to the type of `eventFor` of its id. */
  subscribe(url: string, schedule: readonly string[], ordered?: boolean): Promise<string>;
  eventFor(subscriptionId: string, data?: CloudEvent['data']): CloudEvent;
  stop(): Promise<void>;
}

export async function startReceiverParts(): Promise<ReceiverParts> {
  const config = Object.assign(new ReceiverConfig(), { masterKey: MASTER_KEY });
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(testEnvironment().folder, 'nats-'));
  const nats = await startNatsBackend(
    folder,
    natsAccountsConfig(() => '"test"'),
  );
  const natsUrl = (user: string) => `nats://${user}:test@${nats.host}:${nats.port}`;
  const DATABASE_URL = database.urlOf(roleOf('auth'));
  const auth = await startApp('auth', { NATS_URL: natsUrl('auth'), DATABASE_URL, MASTER_KEY });
  const bus = await Bus.connect({ url: natsUrl('webhook-receiver'), name: 'test' });
  const role = roleOf('webhook-receiver');
  const onError = () => undefined;
  const pool = createPool({ url: database.urlOf(role), role, scope: 'service', name: 'test', max: 8, onError });
  const [openClaw] = await database.query<{ id: string }>(`SELECT id FROM auth.agents WHERE name = 'OpenClaw'`);
  const agentId = openClaw?.id ?? '';
  const vault = new SecretVault(new MasterKeys(config, SECRET_TABLES), pool, logger);
  await vault.onModuleInit();
  const wakeUps = new LogWakeUps(bus);
  const egress = new EgressClient({ allow: ['127.0.0.1'], maxResponseBytes: 65_536 });
  const relay = new OutboxRelay(pool, bus, 'event', logger);
  const typeOf = (subscriptionId: string) => `t${subscriptionId.slice(0, 8)}.happened`;
  return {
    database,
    bus,
    pool,
    agentId,
    newLog: async () => {
      const index = new SubscriptionIndex(pool, logger);
      await index.onModuleInit();
      return new EventLog(pool, index, wakeUps, relay, new EventMetrics(new Metrics('test')));
    },
    newDispatcher: (clock, log, changes = {}) => {
      const targets = new DeliveryTargets(pool, vault);
      const measured = new DeliveryMetrics(new Metrics('test'));
      const disabler = new SubscriptionDisabler(pool, logger, relay, config, measured);
      return new Dispatcher(
        pool,
        logger,
        { ...config, ...changes },
        egress,
        new AgentDirectory(bus),
        targets,
        disabler,
        clock,
        wakeUps,
        log,
        measured,
      );
    },
    subscribe: async (url, schedule, ordered = false) => {
      const id = randomUUID();
      await pool.query(
        `INSERT INTO event.event_subscriptions (id, agent_id, types, target_type, url, retry_schedule, ordered, sees_all)
         VALUES ($1, $2, $3, 'webhook', $4, $5, $6, false)`,
        [id, agentId, [typeOf(id)], url, schedule, ordered],
      );
      const secrets = [{ secret: newSigningSecret(), untilMs: null }];
      await vault.put(pool, { kind: 'subscription', id, agentId }, { secrets, headers: {} });
      return id;
    },
    eventFor: (subscriptionId, data = {}) =>
      toCloudEvent({ type: typeOf(subscriptionId), data }, agentId, makeTraceparent()),
    stop: async () => {
      await relay.stop();
      await auth.stop();
      await bus.close();
      await nats.stop();
      await pool.end();
      await egress.close();
      await database.drop();
    },
  };
}
