import { SERVICE_NAMES, type ServiceName } from '@agent-platform/contracts';
import { roleOf } from '@agent-platform/database';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { AuthConfig } from '../../auth/src/config';
import { startAuth } from '../../auth/src/start';
import { GatewayConfig } from '../../gateway/src/config';
import { startGateway, type RunningGateway } from '../../gateway/src/start';
import { HealthConfig } from '../../health/src/config';
import { startHealth } from '../../health/src/start';
import { IntegrationsConfig } from '../../integrations/src/config';
import { startIntegrations } from '../../integrations/src/start';
import { QueryConfig } from '../../query-engine/src/config';
import { startQueryEngine } from '../../query-engine/src/start';
import { ReceiverConfig } from '../../webhook-receiver/src/config';
import { startWebhookReceiver } from '../../webhook-receiver/src/start';
import { ExecutorConfig } from '../../workflow-executor/src/config';
import { startWorkflowExecutor } from '../../workflow-executor/src/start';
import { ConfigError, loadConfig } from '@agent-platform/config';
import { ServiceConfig, type RunningService } from '@agent-platform/service-host';
import type { StandaloneConfig } from './config';
import type { Servers } from './servers';

/** All services and the gateway, running. */
export interface RunningPlatform {
  readonly gatewayPort: number;
  stop(): Promise<void>;
}

/** Variables that are the services' alone: given to this process, they are passed on as they are. */
const PASSED_ON = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_TRACES_SAMPLER_ARG',
  'FAILED_AUTHENTICATIONS_PER_MINUTE',
  'TRUSTED_PROXIES',
  'ACTION_TIMEOUT_MS',
  'MAX_STREAMS',
  'MAX_STREAMS_PER_AGENT',
  'STREAM_HEARTBEAT_MS',
  'STREAM_STALL_MS',
  'STREAM_GIVE_UP_MS',
  'AUDIT_RETENTION_MONTHS',
  'MAX_RUNS',
  'MAX_RUNS_PER_AGENT',
  'MAX_RUNS_PER_WORKFLOW',
  'MAX_STEPS',
  'MAX_DEFINITION_BYTES',
  'MAX_OUTPUT_BYTES',
  'MAX_FOREACH_ITEMS',
  'MAX_WAIT_DAYS',
  'MAX_CHILD_LEVELS',
  'RUN_RETENTION_DAYS',
  'OAUTH_TIMEOUT_MS',
  'EVENT_RETENTION_DAYS',
  'WEBHOOK_RECEIPT_DAYS',
  'DELIVERY_TIMEOUT_MS',
  'MAX_DELIVERIES',
  'DISABLE_FAILING_AFTER_HOURS',
  'MAX_SUBSCRIPTIONS_PER_AGENT',
  'HEALTH_DOWN_AFTER',
  'HEALTH_UP_AFTER',
  'HEALTH_CHECK_INTERVAL_SECONDS',
  'MAX_HEALTH_CHECKS',
  'HEALTH_SYNC_SECONDS',
  'HEALTH_RETENTION_DAYS',
  'QUERY_TIMEOUT_MS',
  'MAX_QUERY_COST',
  'MAX_DOCUMENTS_PER_COLLECTION',
];
const CONFIGS: Record<ServiceName, new () => ServiceConfig> = {
  auth: AuthConfig,
  'workflow-executor': ExecutorConfig,
  integrations: IntegrationsConfig,
  'webhook-receiver': ReceiverConfig,
  health: HealthConfig,
  'query-engine': QueryConfig,
};
const KEEPS_SECRETS: readonly string[] = ['auth', 'integrations', 'webhook-receiver'];
const CALLS_OUT: readonly string[] = ['workflow-executor', 'integrations', 'webhook-receiver'];
const STARTERS: Record<ServiceName, (config: never, options: { probes: boolean }) => Promise<RunningService>> = {
  auth: startAuth,
  'workflow-executor': startWorkflowExecutor,
  integrations: startIntegrations,
  'webhook-receiver': startWebhookReceiver,
  health: startHealth,
  'query-engine': startQueryEngine,
};

/** Starts everything in this process: the services first, then the gateway. */
export async function startInProcess(config: StandaloneConfig, servers: Servers): Promise<RunningPlatform> {
  const running: RunningService[] = [];
  let gateway: RunningGateway | undefined;
  const stop = async () => {
    // What the gateway has taken is answered first. Then all at once, so that their times do not add up.
    await gateway?.stop();
    await Promise.all(running.splice(0).map((part) => part.stop()));
  };
  try {
    const services = SERVICE_NAMES.map(async (service) => {
      const environment = environmentOf(service, config, servers);
      running.push(await STARTERS[service](loadConfig(CONFIGS[service], environment) as never, { probes: false }));
    });
    await Promise.all(services);
    const metrics = running.map((service) => service.metrics);
    gateway = await startGateway(loadConfig(GatewayConfig, environmentOf('gateway', config, servers)), metrics);
    return { gatewayPort: gateway.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts everything as processes of their own, as an orchestrator would. One that ends by itself ends all. */
export async function startProcesses(
  config: StandaloneConfig,
  servers: Servers,
  onEnd: (name: string) => void,
): Promise<RunningPlatform> {
  const children: { name: string; child: ChildProcess; exited: Promise<void> }[] = [];
  let stopping = false;
  const start = (name: ServiceName | 'gateway') =>
    new Promise<number>((resolve, reject) => {
      const child = spawn(process.execPath, ['--enable-source-maps', join(__dirname, '..', name, 'main.js')], {
        env: { ...process.env, ...environmentOf(name, config, servers) },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        // Ctrl-C in the terminal reaches this process alone, which stops the others in order.
        detached: true,
      });
      const exited = new Promise<void>((ended) => child.once('exit', () => ended()));
      children.push({ name, child, exited });
      child.once('message', ({ port }: { port: number }) => resolve(port));
      child.once('error', reject);
      void exited.then(() => {
        reject(new ConfigError([`${name} did not start`]));
        if (!stopping) onEnd(name);
      });
    });
  const stop = async () => {
    stopping = true;
    const end = async (chosen: typeof children) => {
      for (const { child } of chosen) child.kill('SIGTERM');
      await Promise.all(chosen.map(({ exited }) => exited));
    };
    await end(children.filter(({ name }) => name === 'gateway'));
    await end(children);
  };
  try {
    await Promise.all(SERVICE_NAMES.map(start));
    return { gatewayPort: await start('gateway'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The variables of one service, as an operator would set them. */
function environmentOf(name: ServiceName | 'gateway', config: StandaloneConfig, servers: Servers): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(PASSED_ON.map((variable) => [variable, process.env[variable]])),
    NATS_URL: servers.natsUrl(name),
    LOG_LEVEL: config.logLevel,
    HOST: config.host,
    PORT: name === 'gateway' ? String(config.port) : '0',
    // No balancer is before it, and whoever pressed Ctrl-C waits.
    ...(name === 'gateway' && { DRAIN_DELAY_MS: '0' }),
    ...(name !== 'gateway' && { DATABASE_URL: servers.databaseUrl(roleOf(name)) }),
    ...(KEEPS_SECRETS.includes(name) && {
      MASTER_KEY: servers.masterKey,
      MASTER_KEY_PREVIOUS: servers.masterKeyPrevious,
    }),
    ...(CALLS_OUT.includes(name) && { EGRESS_ALLOW: config.egressAllow, EGRESS_DENY: config.egressDeny }),
    ...((name === 'integrations' || name === 'webhook-receiver') && { PUBLIC_URL: publicUrlOf(config) }),
  };
}

/** Where browsers reach the gateway; on one's own machine that is its own address, unless any free port will do. */
function publicUrlOf({ publicUrl, host, port }: StandaloneConfig): string | undefined {
  return publicUrl ?? (port === 0 ? undefined : `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`);
}
