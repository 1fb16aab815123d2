import { AGENT_CHANGED_SUBJECT, type AgentChanged } from '@agent-platform/contracts';
import {
  createLogger,
  createMetrics,
  Lifecycle,
  mergeMetrics,
  probe,
  startTracing,
  type Logger,
  type Metrics,
  type MetricsSource,
} from '@agent-platform/observability';
import {
  aliveBus,
  answerStatus,
  connectBus,
  endsWithin,
  exportStatus,
  StartWait,
  StatusReport,
  within,
  type RunningService,
} from '@agent-platform/service-host';
import type { GatewayConfig } from './config';
import { CommandKeys } from './doors/command-keys';
import { Documents } from './doors/graphql/documents';
import { GraphQLDoor } from './doors/graphql/graphql-door';
import { graphqlSchema } from './doors/graphql/schema';
import { SocketDoor } from './doors/graphql/subscriptions/socket-door';
import { InboundWebhooks } from './doors/inbound-webhooks';
import { OAuthCallback } from './doors/oauth-callback';
import { PublicDocuments } from './doors/public-documents';
import { RouteTable } from './doors/route-table';
import { OpenStreams } from './doors/streams/open-streams';
import { StreamDoor } from './doors/streams/stream-door';
import { HttpServer } from './http-server';
import { Attempts } from './pipeline/attempts';
import { AuditTrail } from './pipeline/audit-trail';
import { AuditWriter } from './pipeline/audit-writer';
import { ClientAddresses } from './pipeline/client-address';
import { Forwarder } from './pipeline/forwarder';
import { GatewayMetrics, measureCaches } from './pipeline/gateway-metrics';
import { IdentityCache } from './pipeline/identity-cache';
import { Pipeline } from './pipeline/pipeline';
import { RateLimiter } from './pipeline/rate-limiter';

/**
 * How long a stop waits for requests under way, besides the time in which new ones are taken, then for their refusal, and for each
 * thing that is handed to `auth`.
 */
const DRAIN_MS = 12_000;
const DRAIN_AND_DELAY_MS = 17_000;
const CUT_MS = 1000;
const HAND_OVER_MS = 2000;

/** A gateway that serves. */
export interface RunningGateway extends RunningService {
  readonly port: number;
}

/**
 * Starts the gateway: opens its port, which answers probes alone until the bus can be used.
 *
 * @param others shown by `/metrics` too: of services in the same process
 */
export async function startGateway(
  config: GatewayConfig,
  others: readonly MetricsSource[] = [],
): Promise<RunningGateway> {
  const logger = createLogger({ service: 'gateway', level: config.logLevel });
  const metrics = createMetrics('gateway', { processMetrics: true });
  const lifecycle = new Lifecycle();
  const { host, version } = config;
  const server = new HttpServer(probe(lifecycle, mergeMetrics(metrics, ...others), version), config.streamStallMs);
  const port = await server.listen(config.port, host);
  let drain;
  try {
    drain = await openDoors(config, { server, metrics, lifecycle, logger });
  } catch (error) {
    server.cut();
    await within(CUT_MS, server.close());
    throw error;
  }
  logger.info({ msg: 'service started', version, port });
  let stopped: Promise<void> | undefined;
  return { name: 'gateway', metrics, port, probePort: port, stop: () => (stopped ??= drain()) };
}

interface GatewayHost {
  readonly server: HttpServer;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
}

/** Makes what answers requests, once the bus is there. @returns what ends it */
async function openDoors(
  config: GatewayConfig,
  { server, metrics, lifecycle, logger }: GatewayHost,
): Promise<() => Promise<void>> {
  const { version, otelExporterOtlpEndpoint: endpoint, otelExporterOtlpHeaders: headers } = config;
  const tracing = { version, endpoint, headers, ratio: config.otelTracesSamplerArg, isEdge: true };
  const tracer = await startTracing({ service: 'gateway', ...tracing, logger });
  const measured = new GatewayMetrics(metrics);
  const clients = new ClientAddresses(config.trustedProxies);
  const wait = new StartWait({ seconds: config.startWaitSeconds, lifecycle, logger });
  const bus = await wait.until(() =>
    connectBus({
      url: config.natsUrl,
      password: config.natsPassword,
      ca: config.natsCa,
      name: 'gateway',
      metrics,
      onStatus: (connected) => logger.warn({ msg: connected ? 'the message bus is back' : 'the message bus is lost' }),
    }),
  );
  const identities = new IdentityCache(bus);
  const limiter = new RateLimiter(bus);
  const streams = new OpenStreams({ perAgent: config.maxStreamsPerAgent, all: config.maxStreams }, metrics);
  const forget = (changed: AgentChanged) => {
    identities.forget(changed);
    limiter.forget(changed.agentId);
    streams.changed(changed);
  };
  bus.subscribe(AGENT_CHANGED_SUBJECT, (message) => forget(message.json<AgentChanged>()));
  bus.onReconnected(() => forget({ agentId: null }));
  await bus.flush();
  const audit = new AuditWriter(bus, logger, measured);
  const attempts = new Attempts(config.failedAuthenticationsPerMinute);
  const callback = new OAuthCallback({ bus, clients, attempts, logger });
  const documents = new PublicDocuments(config.version);
  const keys = new CommandKeys(bus);
  const webhooks = new InboundWebhooks({ bus, clients, audit, logger, tracer, measured });
  const trail = new AuditTrail({ audit, attempts, measured, logger });
  const schema = graphqlSchema();
  const forwarder = new Forwarder({ bus, trail, actionTimeoutMs: config.actionTimeoutMs });
  const streamTimes = {
    heartbeatMs: config.streamHeartbeatMs,
    stallMs: config.streamStallMs,
    giveUpMs: config.streamGiveUpMs,
    openMs: config.actionTimeoutMs,
  };
  const streamDoor = new StreamDoor({ bus, identities, open: streams, times: streamTimes, logger });
  const documentsOfGraphql = new Documents(schema);
  const graphqlParts = {
    schema,
    documents: documentsOfGraphql,
    streams: streamDoor,
    forwarder,
    trail,
    limiter,
    logger,
  };
  const sockets = new SocketDoor({
    ...graphqlParts,
    identities,
    attempts,
    clients,
    pingMs: config.streamHeartbeatMs,
    bounds: { perAgent: config.maxStreamsPerAgent, all: config.maxStreams },
  });
  const pipeline = new Pipeline({
    bus,
    routes: new RouteTable(),
    clients,
    identities,
    attempts,
    limiter,
    trail,
    forwarder,
    streams: streamDoor,
    graphql: new GraphQLDoor({ ...graphqlParts, bus, streamTimes }),
    logger,
    tracer,
    measured,
  });

  const report = new StatusReport();
  report.add('openStreams', () => streams.size);
  report.add('openSockets', () => sockets.size);
  report.add('auditEntriesWaiting', () => audit.waitingCount);
  server.open({
    answer: (request, response) => {
      const isAnswered =
        documents.answer(request, response) ||
        keys.answer(request, response) ||
        callback.answer(request, response) ||
        webhooks.answer(request, response);
      if (!isAnswered) void pipeline.handle(request, response);
    },
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
  });
  const checkBus = () => {
    if (!bus.connected) throw new Error('NATS cannot be reached');
  };
  lifecycle.started({ ready: { bus: checkBus }, alive: aliveBus(bus) });
  const status = { version: config.version, checks: lifecycle.readiness, report, outbox: undefined };
  exportStatus(metrics, status);
  measureCaches(metrics, { identities, documents: documentsOfGraphql });
  await answerStatus({ bus, service: 'gateway', ...status, logger });
  return async () => {
    lifecycle.stops();
    // A balancer sees readiness turn red some time later, and sends requests until then.
    server.sendAway();
    await new Promise((resolve) => setTimeout(resolve, config.drainDelayMs));
    // They would not end by themselves; their clients come back, to another replica.
    streams.stop();
    sockets.stop();
    const closed = server.close();
    if (!(await endsWithin(Math.min(DRAIN_MS, DRAIN_AND_DELAY_MS - config.drainDelayMs), closed))) {
      // What a service does not answer must not keep this process from ending in time: whoever waits is told to come again.
      bus.abandonRequests();
      await within(CUT_MS, closed);
      server.cut();
    }
    await within(HAND_OVER_MS, limiter.stop());
    await within(HAND_OVER_MS, audit.stop());
    await bus.close();
    await tracer?.close();
  };
}
