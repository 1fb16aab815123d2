import { SERVICES, type ServiceName } from '@agent-platform/contracts';
import { createPool, DatabaseMetrics, ReadPipeline, roleOf, type MigratedSchema } from '@agent-platform/database';
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
  Lifecycle,
  Metrics,
  startProbeServer,
  startTracing,
  type Logger,
  type ServiceChecks,
} from '@agent-platform/observability';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, NestFactory } from '@nestjs/core';
import type { Pool } from 'pg';
import type { DatabaseServiceConfig } from './service-config';
import { exportStatus } from './export-status';
import { ServiceStop } from './service-stop';
import { aliveBus, checkDatabase, connectBus } from './start-needs';
import { StartWait } from './start-wait';
import { answerStatus, countUpTo, oneAtATime, StatusReport, type Outbox } from './status';
import { endsWithin } from './within';

/** Injects the logger of the service. */
export const LOGGER = Symbol('logger');
/** Injects the pool for requests of agents: row-level security shows nothing until a transaction says who asks. */
export const AGENT_POOL = Symbol('agent pool');
/** Injects the pool for the service's own work (claiming, relaying, verifying), which sees every agent's rows. */
export const SERVICE_POOL = Symbol('service pool');

/** Injects the tracer of the service, undefined where nothing is recorded: for work that comes by no action. */
export const TRACER = Symbol('tracer');

/** Few are enough: the service's own work is batched. */
const SERVICE_POOL_SIZE = 8;
/**
 * What each part of a stop may take, so that peers that never answer keep no process beyond the 25 seconds that it has: requests
 * under way, then the modules (what they have under way, and leases to give back), the outbox, the bus, the pools.
 */
const REQUESTS_MS = 8000;
const MODULES_MS = 9500;
const OUTBOX_MS = 2000;
const BUS_MS = 1700;
const POOLS_MS = 1500;
const SPANS_MS = 800;
const PROBES_MS = 500;

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
 * Starts a service, which owns a schema: probes, pools under row-level security, outbox relay, bus, actions.
 *
 * @throws Error with one clear line when the database or the bus cannot be used, the database lacks migrations of this version,
 *   or the role is not subject to row-level security
 */
export async function startService(parts: ServiceParts, config: DatabaseServiceConfig): Promise<RunningService> {
  const { service, probes = true } = parts;
  const metrics = createMetrics(service, { processMetrics: probes });
  const logger = createLogger({ service, level: config.logLevel });
  const lifecycle = new Lifecycle();
  const closers = new Closers(logger);
  const stop = once(() => {
    lifecycle.stops();
    return closers.close();
  });
  try {
    const { port, host, version } = config;
    const probeServer = probes ? await startProbeServer({ port, host, lifecycle, metrics, version }) : undefined;
    if (probeServer) closers.add('the probes', PROBES_MS, () => probeServer.close());
    await run(parts, config, { metrics, logger, lifecycle, closers });
    logger.info({ msg: 'service started', version, probePort: probeServer?.port });
    return { name: service, probePort: probeServer?.port, metrics, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Host {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly closers: Closers;
}

function openPools(service: ServiceName, config: DatabaseServiceConfig, { metrics, logger }: Host): Pools {
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
  return pools;
}

async function run(
  { service, module, schema: migrated, values = [], sealer }: ServiceParts,
  config: DatabaseServiceConfig,
  host: Host,
): Promise<void> {
  const { metrics, logger, lifecycle, closers } = host;
  const serviceStop = new ServiceStop();
  const wait = new StartWait({ seconds: config.startWaitSeconds, lifecycle, logger });
  const tracer = await startTracing({
    service,
    version: config.version,
    endpoint: config.otelExporterOtlpEndpoint,
    headers: config.otelExporterOtlpHeaders,
    ratio: config.otelTracesSamplerArg,
    logger,
  });
  if (tracer) closers.add('the spans', SPANS_MS, () => tracer.close());
  const pools = openPools(service, config, host);
  const { agent, service: own, reads } = pools;
  closers.add('the pools', POOLS_MS, () => Promise.allSettled([agent.end(), own.end(), reads.close()]));
  const newer = await wait.until(() => checkDatabase(own, migrated));
  if (newer.length > 0) logger.warn({ msg: 'a newer version has migrated the database', migrations: newer });
  const bus = await wait.until(() =>
    connectBus({
      url: config.natsUrl,
      password: config.natsPassword,
      ca: config.natsCa,
      name: service,
      metrics,
      onStatus: (connected) => logger.warn({ msg: connected ? 'the message bus is back' : 'the message bus is lost' }),
    }),
  );
  closers.add('the bus', BUS_MS, () => bus.close());

  const { schema } = SERVICES[service];
  const relay = new OutboxRelay(own, bus, schema, logger, metrics);
  closers.add('the outbox', OUTBOX_MS, () => relay.stop());
  const report = new StatusReport();
  const providers = [
    { provide: StatusReport, useValue: report },
    { provide: Metrics, useValue: metrics },
    { provide: LOGGER, useValue: logger },
    { provide: TRACER, useValue: tracer },
    { provide: Bus, useValue: bus },
    { provide: ServiceStop, useValue: serviceStop },
    { provide: AgentDirectory, useValue: new AgentDirectory(bus) },
    { provide: AGENT_POOL, useValue: agent },
    { provide: SERVICE_POOL, useValue: own },
    { provide: ReadPipeline, useValue: reads },
    { provide: OutboxRelay, useValue: relay },
    { provide: UnitOfWork, useValue: new UnitOfWork(agent, schema, () => relay.wake(), sealer) },
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
  closers.add('the modules', MODULES_MS, () => app.close());

  const server = new ActionServer({
    service,
    bus,
    logger,
    tracer,
    metrics,
    discovery: app.get(DiscoveryService, { strict: false }),
    scanner: app.get(MetadataScanner, { strict: false }),
  });
  await server.start();
  closers.add('requests under way', REQUESTS_MS, () => {
    serviceStop.begin();
    return server.stop();
  });

  lifecycle.started(checksOf(bus, own));
  const outbox = oneAtATime(() => readOutbox(own, schema));
  const status = { version: config.version, checks: lifecycle.readiness, report, outbox };
  exportStatus(metrics, status);
  closers.add('the status', PROBES_MS, await answerStatus({ bus, service, ...status, logger }));
}

/** What must be there for the service to work. */
function checksOf(bus: Bus, pool: Pool): ServiceChecks {
  return {
    ready: {
      bus: () => {
        if (!bus.connected) throw new Error('NATS cannot be reached');
      },
      database: async () => {
        await pool.query('SELECT 1');
      },
    },
    alive: aliveBus(bus),
  };
}

/** What a stop closes, the last that was added first. None is waited for longer than it may take. */
class Closers {
  private readonly closers: { readonly what: string; readonly ms: number; readonly close: () => Promise<unknown> }[] =
    [];

  constructor(private readonly logger: Logger) {}

  add(what: string, ms: number, close: () => Promise<unknown>): void {
    this.closers.push({ what, ms, close });
  }

  async close(): Promise<void> {
    for (const { what, ms, close } of this.closers.splice(0).reverse()) {
      try {
        if (!(await endsWithin(ms, close()))) this.logger.warn({ msg: 'a part did not stop in time', what, ms });
      } catch (error) {
        this.logger.warn({ msg: 'a part did not stop cleanly', what, err: error });
      }
    }
  }
}

async function readOutbox(pool: Pool, schema: string): Promise<Outbox> {
  const rows = await countUpTo(pool, `SELECT FROM ${schema}.outbox`);
  const { rows: oldest } = await pool.query<{ seconds: number }>(
    `SELECT greatest(extract(epoch FROM now() - created_at), 0)::float8 AS seconds FROM ${schema}.outbox ORDER BY id LIMIT 1`,
  );
  return { rows, oldestSeconds: Math.round(oldest[0]?.seconds ?? 0) };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
