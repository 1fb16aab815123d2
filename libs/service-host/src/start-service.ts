import { SERVICES, type ServiceName } from '@agent-platform/contracts';
import {
  checkRole,
  createPool,
  DatabaseMetrics,
  pendingMigrations,
  ReadPipeline,
  roleOf,
  type MigratedSchema,
} from '@agent-platform/database';
import {
  ActionServer,
  AgentDirectory,
  Bus,
  OutboxRelay,
  UnitOfWork,
  type AnswerSealer,
} from '@agent-platform/messaging';
import {
  createLogger,
  createMetrics,
  Metrics,
  startProbeServer,
  type Logger,
  type ReadinessChecks,
} from '@agent-platform/observability';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, NestFactory } from '@nestjs/core';
import type { Pool } from 'pg';
import type { DatabaseServiceConfig } from './service-config';
import { exportStatus } from './export-status';
import { ServiceStop } from './service-stop';
import { answerStatus, countUpTo, oneAtATime, StatusReport, type Outbox } from './status';
import { within } from './within';

/** Injects the logger of the service. */
export const LOGGER = Symbol('logger');
/** Injects the pool for requests of agents: row-level security shows nothing until a transaction says who asks. */
export const AGENT_POOL = Symbol('agent pool');
/** Injects the pool for the service's own work (claiming, relaying, verifying), which sees every agent's rows. */
export const SERVICE_POOL = Symbol('service pool');

/** Few are enough: the service's own work is batched. */
const SERVICE_POOL_SIZE = 8;
const CLOSE_TIMEOUT_MS = 2000;
/** A started service. */
export interface RunningService {
  readonly name: string;
  /** Where its probes answer. */
  readonly probePort: number | undefined;
  readonly metrics: Metrics;
  /** Finishes what is under way, hands over the rest, closes. Safe to call twice. */
  stop(): Promise<void>;
}

interface Pools {
  readonly agent: Pool;
  readonly service: Pool;
  readonly reads: ReadPipeline;
}

interface ServiceParts {
  readonly service: ServiceName;
  readonly module: Type;
  readonly schema: MigratedSchema;
  /** Values that the module injects besides the host's own, e.g. its config. */
  readonly values?: readonly { readonly provide: symbol | Type; readonly useValue: unknown }[];
  /** Of a service whose actions answer secrets. */
  readonly sealer?: AnswerSealer;
  /** False where several services share one process and one set of probes. */
  readonly probes?: boolean;
}

/** Nest wants a class to hang the providers on. */
@Module({})
class HostModule {}

/**
 * Starts a service, which owns a schema: pools under row-level security, outbox relay, bus, actions, probes.
 *
 * @throws Error with one clear line when the database lacks migrations of this version, or the role is not subject to
 *   row-level security
 */
export async function startService(parts: ServiceParts, config: DatabaseServiceConfig): Promise<RunningService> {
  const { service, schema, probes = true } = parts;
  const metrics = createMetrics(service, { processMetrics: probes });
  const logger = createLogger({ service, level: config.logLevel });
  const onError = (error: Error) => logger.warn({ msg: 'a database connection broke', err: error });
  const { databaseUrl: url, databasePassword: password, databaseCa: ca } = config;
  const common = { url, password, ca, role: roleOf(service), onError };
  const pools = {
    agent: createPool({ ...common, name: service, max: config.databasePoolSize }),
    service: createPool({ ...common, name: `${service}:service`, scope: 'service', max: SERVICE_POOL_SIZE }),
    reads: new ReadPipeline({ ...common, name: `${service}:reads` }),
  };
  const measured = new DatabaseMetrics(metrics);
  measured.watch('requests', pools.agent);
  measured.watch('service', pools.service);
  measured.watchReads(pools.reads);
  try {
    await checkDatabase(pools.service, schema);
    return await run(parts, config, logger, pools, metrics);
  } catch (error) {
    await closePools(pools);
    throw error;
  }
}

/** A connection that a part of a failed start has and nobody gives back is not waited for. */
async function closePools({ agent, service, reads }: Pools): Promise<void> {
  const closed = Promise.allSettled([agent.end(), service.end(), reads.close()]);
  await within(CLOSE_TIMEOUT_MS, closed);
}

async function checkDatabase(pool: Pool, schema: MigratedSchema): Promise<void> {
  let pending;
  try {
    await checkRole(pool);
    pending = await pendingMigrations(pool, schema);
  } catch (error) {
    if ((error as { code?: string }).code !== '42P01') throw error;
    pending = schema.migrations;
  }
  if (pending.length > 0) {
    throw new Error(`The schema ${schema.schema} lacks ${pending.length} migrations. Run: npm run migrate`);
  }
}

async function run(
  { service, module, values = [], sealer, probes = true }: ServiceParts,
  config: DatabaseServiceConfig,
  logger: Logger,
  pools: Pools,
  metrics: Metrics,
): Promise<RunningService> {
  const closers: (() => Promise<unknown>)[] = [];
  const serviceStop = new ServiceStop();
  const stop = once(async () => {
    for (const close of closers.reverse()) {
      await close().catch((error: unknown) => logger.warn({ msg: 'a part did not stop cleanly', err: error }));
    }
  });
  try {
    closers.push(() => closePools(pools));
    const bus = await Bus.connect({
      url: config.natsUrl,
      password: config.natsPassword,
      ca: config.natsCa,
      name: service,
      metrics,
      onStatus: (connected) => logger.warn({ msg: connected ? 'the message bus is back' : 'the message bus is lost' }),
    });
    closers.push(() => bus.close());

    const { schema } = SERVICES[service];
    const relay = new OutboxRelay(pools.service, bus, schema, logger, metrics);
    closers.push(() => relay.stop());
    const report = new StatusReport();
    const providers = [
      { provide: StatusReport, useValue: report },
      { provide: Metrics, useValue: metrics },
      { provide: LOGGER, useValue: logger },
      { provide: Bus, useValue: bus },
      { provide: ServiceStop, useValue: serviceStop },
      { provide: AgentDirectory, useValue: new AgentDirectory(bus) },
      { provide: AGENT_POOL, useValue: pools.agent },
      { provide: SERVICE_POOL, useValue: pools.service },
      { provide: ReadPipeline, useValue: pools.reads },
      { provide: OutboxRelay, useValue: relay },
      { provide: UnitOfWork, useValue: new UnitOfWork(pools.agent, schema, () => relay.wake(), sealer) },
      ...values,
    ] as {
      provide: symbol | Type;
      useValue: unknown;
    }[];
    const root: DynamicModule = {
      module: HostModule,
      global: true,
      imports: [DiscoveryModule, module],
      providers,
      exports: providers.map(({ provide }) => provide),
    };
    const app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false });
    closers.push(() => app.close());

    const server = new ActionServer({
      service,
      bus,
      logger,
      metrics,
      discovery: app.get(DiscoveryService, { strict: false }),
      scanner: app.get(MetadataScanner, { strict: false }),
    });
    await server.start();
    closers.push(() => {
      serviceStop.begin();
      return server.stop();
    });

    const checks = checksOf(bus, pools);
    const probePort = probes ? await startProbes(config, checks, metrics, closers) : undefined;
    const outbox = oneAtATime(() => readOutbox(pools.service, schema));
    const { version } = config;
    exportStatus(metrics, { version, checks, report, outbox });
    closers.push(await answerStatus({ bus, service, version, checks, report, outbox, logger }));
    logger.info({ msg: 'service started', version: config.version, probePort });
    return { name: service, probePort, metrics, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What must be there for the service to work. */
function checksOf(bus: Bus, pools: Pools): ReadinessChecks {
  return {
    bus: () => {
      if (!bus.connected) throw new Error('NATS cannot be reached');
    },
    database: async () => {
      await pools.service.query('SELECT 1');
    },
  };
}

async function readOutbox(pool: Pool, schema: string): Promise<Outbox> {
  const rows = await countUpTo(pool, `SELECT FROM ${schema}.outbox`);
  const { rows: oldest } = await pool.query<{ seconds: number }>(
    `SELECT greatest(extract(epoch FROM now() - created_at), 0)::float8 AS seconds FROM ${schema}.outbox ORDER BY id LIMIT 1`,
  );
  return { rows, oldestSeconds: Math.round(oldest[0]?.seconds ?? 0) };
}

async function startProbes(
  config: DatabaseServiceConfig,
  checks: ReadinessChecks,
  metrics: Metrics,
  closers: (() => Promise<unknown>)[],
): Promise<number> {
  let draining = false;
  const server = await startProbeServer({
    port: config.port,
    host: config.host,
    metrics,
    checks: {
      lifecycle: () => {
        if (draining) throw new Error('is stopping');
      },
      ...checks,
    },
  });
  closers.unshift(() => server.close());
  closers.push(() => {
    draining = true;
    return Promise.resolve();
  });
  return server.port;
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
