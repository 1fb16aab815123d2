import type { CheckIntegrationReply } from '@agent-platform/contracts';
import { EgressClient, type EgressResponse } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { buildCall, type CallRequest } from '../calls/call-request';
import { Connections, type CallTarget } from '../calls/call-target';
import { inject } from '../calls/inject-credential';
import type { HealthCheck } from '../integrations/auth-definition';
import { isAllowedHost } from '../integrations/hosts';

/** A provider that takes longer is not working; `health` waits a little longer than this. */
const TIMEOUT_MS = 10_000;
const MAX_DETAIL_LENGTH = 500;

interface CheckedRow extends QueryResultRow {
  readonly agentId: string;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowedHosts: readonly string[];
  readonly healthCheck: HealthCheck | null;
}

/** Makes the requests of health checks, with the connection of the owner. They count as nobody's calls. */
@Injectable()
export class ChecksService {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly connections: Connections,
    private readonly egress: EgressClient,
  ) {}

  /** Answers what became of the check, whatever that is. @throws only where this service itself cannot work */
  async check(integrationId: string): Promise<CheckIntegrationReply> {
    let startedAt = performance.now();
    const deadlineMs = Date.now() + TIMEOUT_MS;
    const { rows } = await this.pool.query<CheckedRow>({
      name: 'checked-integration',
      text: `SELECT agent_id AS "agentId", base_url AS "baseUrl", headers, allowed_hosts AS "allowedHosts", health_check AS "healthCheck"
             FROM integration.integrations WHERE id = $1`,
      values: [integrationId],
    });
    const [row] = rows;
    if (!row?.healthCheck) return { ...NOTHING, outcome: 'none' };
    const { healthCheck } = row;
    let target: CallTarget | undefined;
    const rowsOfOwner = { agentId: row.agentId, seesAll: false };
    try {
      if (healthCheck.credential !== false)
        target = await this.connections.find(rowsOfOwner, integrationId, deadlineMs);
      const outgoing = buildCall(row.baseUrl, row.headers, { method: healthCheck.method, path: healthCheck.path });
      startedAt = performance.now();
      let answer = await this.send(outgoing, row, target, deadlineMs);
      if (answer.status === 401 && target && this.connections.mayBeStale(target)) {
        target = await this.connections.refreshed(rowsOfOwner, target, deadlineMs);
        startedAt = performance.now();
        answer = await this.send(outgoing, row, target, deadlineMs);
      }
      return verdict(answer, healthCheck, target !== undefined, performance.now() - startedAt);
    } catch (error) {
      const failure = failureOf(error, target, performance.now() - startedAt);
      return failure.ended ? { ...failure, announced: await this.wasAnnounced(integrationId, row.agentId) } : failure;
    }
  }

  /** Whether the end of the connection was noted with its event, as that of a dead grant is. */
  private async wasAnnounced(integrationId: string, agentId: string): Promise<boolean> {
    const { rows } = await this.pool.query<{ state: string }>({
      name: 'connection-state',
      text: `SELECT state FROM integration.integration_credentials
             WHERE integration_id = $1 AND agent_id = $2 AND purpose = 'connection'`,
      values: [integrationId, agentId],
    });
    return rows[0]?.state === 'reauth_required';
  }

  private send(
    { method, url, headers, body }: CallRequest,
    { allowedHosts }: CheckedRow,
    target: CallTarget | undefined,
    deadlineMs: number,
  ): Promise<EgressResponse> {
    if (!isAllowedHost(url, allowedHosts)) {
      throw new AppError('integration.host.not-allowed', `${url.host} is none of the hosts of this integration.`);
    }
    const secret = target ? inject(target, target.credential, url) : { url, headers: {} };
    return this.egress.request({
      method,
      url: secret.url.href,
      headers: { ...headers, ...secret.headers },
      body,
      timeoutMs: Math.max(deadlineMs - Date.now(), 1),
      checkRedirect: (to, from) => {
        if (isAllowedHost(to, allowedHosts)) return;
        const detail = `${from.host} redirects to a host that is none of the hosts of this integration.`;
        throw new AppError('integration.host.not-allowed', detail);
      },
    });
  }
}

const NOTHING = { status: null, latencyMs: 0, code: null, detail: null, ended: false, announced: false };

function verdict(
  { status }: EgressResponse,
  { expectedStatus }: HealthCheck,
  hasCredential: boolean,
  latencyMs: number,
): CheckIntegrationReply {
  const answered = { ...NOTHING, status, latencyMs: Math.round(latencyMs) };
  const isExpected = expectedStatus === undefined ? status >= 200 && status < 400 : status === expectedStatus;
  if (isExpected) return { ...answered, outcome: 'ok' };
  if (status === 401 && hasCredential) {
    const detail = 'The provider refuses the credential (401).';
    return { ...answered, outcome: 'reauth_required', code: 'integration.credential.refused', detail };
  }
  const wanted = expectedStatus ?? '200 to 399';
  const detail = `The health check was answered ${status}, not ${wanted}.`;
  return { ...answered, outcome: 'failed', code: 'integration.check.failed', detail };
}

/** @throws what is a failure of this service and says nothing of the provider */
function failureOf(error: unknown, target: CallTarget | undefined, latencyMs: number): CheckIntegrationReply {
  if (!(error instanceof AppError)) throw error;
  if (error.code === 'service.unavailable' || error.code === 'service.timeout') throw error;
  const detail = (target?.scrubber.text(error.detail) ?? error.detail).slice(0, MAX_DETAIL_LENGTH);
  const failed = { ...NOTHING, latencyMs: Math.round(latencyMs), code: error.code, detail };
  if (error.code === 'integration.not-connected') return { ...failed, outcome: 'not_connected' };
  if (error.code !== 'integration.reauth-required') return { ...failed, outcome: 'failed' };
  return { ...failed, outcome: 'reauth_required', ended: true };
}
