import { AGENT_CHANGED_SUBJECT, type AgentChanged } from '@agent-platform/contracts';
import { AppError, toProblem } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import { createLogger, createMetrics, mergeMetrics, probe, type MetricsSource } from '@agent-platform/observability';
import { answerStatus, exportStatus, StatusReport, within, type RunningService } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GatewayConfig } from './config';
import { CommandKeys } from './doors/command-keys';
import { Documents } from './doors/graphql/documents';
import { GraphQLDoor } from './doors/graphql/graphql-door';
import { graphqlSchema } from './doors/graphql/schema';
import { SocketDoor } from './doors/graphql/subscriptions/socket-door';
import { ignoreUpgrade } from './doors/ignored-upgrade';
import { InboundWebhooks } from './doors/inbound-webhooks';
import { OAuthCallback } from './doors/oauth-callback';
import { PublicDocuments } from './doors/public-documents';
import { RouteTable } from './doors/route-table';
import { OpenStreams } from './doors/streams/open-streams';
import { StreamDoor } from './doors/streams/stream-door';
import { Attempts } from './pipeline/attempts';
import { AuditTrail } from './pipeline/audit-trail';
import { AuditWriter } from './pipeline/audit-writer';
import { ClientAddresses } from './pipeline/client-address';
import { Forwarder } from './pipeline/forwarder';
import { GatewayMetrics, measureCaches } from './pipeline/gateway-metrics';
import { IdentityCache } from './pipeline/identity-cache';
import { Pipeline } from './pipeline/pipeline';
import { RateLimiter } from './pipeline/rate-limiter';

const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** A whole request, body included; the answer may take longer. */
const REQUEST_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;

/** How long a stop waits for requests under way, and then for each thing that is handed to `auth`. */
const DRAIN_MS = 14_000;
const HAND_OVER_MS = 4000;

/** A gateway that serves. */
export interface RunningGateway extends RunningService {
  readonly port: number;
}

/**
 * Starts the gateway: connects to the bus, then opens its port.
 *
 * The server is Node's own, without a framework before it: a framework's cost per request was measured at 5 to 8 times
 * that of the bare server.
 *
 * @param others shown by `/metrics` too: of services in the same process
 */
export async function startGateway(
  config: GatewayConfig,
  others: readonly MetricsSource[] = [],
): Promise<RunningGateway> {
  const logger = createLogger({ service: 'gateway', level: config.logLevel });
  const metrics = createMetrics('gateway', { processMetrics: true });
  const measured = new GatewayMetrics(metrics);
  const clients = new ClientAddresses(config.trustedProxies);
  const bus = await Bus.connect({
    url: config.natsUrl,
    password: config.natsPassword,
    ca: config.natsCa,
    name: 'gateway',
    metrics,
    onStatus: (connected) => logger.warn({ msg: connected ? 'the message bus is back' : 'the message bus is lost' }),
  });
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
  const webhooks = new InboundWebhooks({ bus, clients, audit, logger, measured });
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
    measured,
  });

  let draining = false;
  const checks = {
    lifecycle: () => {
      if (draining) throw new Error('is stopping');
    },
    bus: () => {
      if (!bus.connected) throw new Error('NATS cannot be reached');
    },
  };
  const probes = probe(checks, mergeMetrics(metrics, ...others));
  const report = new StatusReport();
  report.add('openStreams', () => streams.size);
  report.add('openSockets', () => sockets.size);
  report.add('auditEntriesWaiting', () => audit.waitingCount);
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const isAnswered =
      documents.answer(request, response) ||
      keys.answer(request, response) ||
      callback.answer(request, response) ||
      webhooks.answer(request, response);
    if (!isAnswered) void pipeline.handle(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => {
      // Who takes nothing of an answer does not keep it in memory.
      response.once('prefinish', () => response.setTimeout(config.streamStallMs));
      const path = request.url ?? '/';
      const answered = request.method === 'GET' && (path === '/livez' || path === '/readyz' || path === '/metrics');
      if (!answered) return answer(request, response);
      void probes(path).then((answer) => {
        response.writeHead(answer?.status ?? 404, { 'Content-Type': answer?.contentType ?? 'text/plain' });
        response.end(answer?.body);
      });
    },
  );
  server.on('upgrade', (request, socket, head) => {
    if (/^websocket$/i.test(request.headers.upgrade ?? '')) sockets.upgrade(request, socket, head);
    else ignoreUpgrade(server, request, socket, head);
  });
  server.on('clientError', answerUnparsable);
  try {
    await listen(server, config.port, config.host);
  } catch (error) {
    await bus.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const { version } = config;
  const status = { version, checks, report, outbox: undefined };
  exportStatus(metrics, status);
  measureCaches(metrics, { identities, documents: documentsOfGraphql });
  await answerStatus({ bus, service: 'gateway', ...status, logger });
  logger.info({ msg: 'service started', version, port });
  let stopped: Promise<void> | undefined;
  return {
    name: 'gateway',
    metrics,
    port,
    probePort: port,
    stop: () =>
      (stopped ??= (async () => {
        draining = true;
        // They would not end by themselves; their clients come back, to another replica.
        streams.stop();
        sockets.stop();
        // What a service does not answer must not keep this process from ending in time.
        const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
        await new Promise((resolve) => {
          server.close(resolve);
          server.closeIdleConnections();
        });
        clearTimeout(cut);
        await within(HAND_OVER_MS, limiter.stop());
        await within(HAND_OVER_MS, audit.stop());
        await bus.close();
      })()),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new Error(`Port ${port} is in use. Stop what uses it, or choose another: PORT=3001 npm start`)
          : cause,
      );
    });
    server.listen(port, host, resolve);
  });
}

/** What Node's parser refuses never becomes a request, so it is answered by hand. */
function answerUnparsable(error: NodeJS.ErrnoException, socket: import('node:stream').Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = toProblem(
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('request.headers.too-large', `The headers may have ${MAX_HEADER_BYTES} bytes at the most.`)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('request.body.too-slow', 'The request did not arrive in time.')
        : new AppError('request.malformed', 'This is not an HTTP/1.1 request that can be read.'),
    uuidV7(),
  );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
