import { AUTH_METHODS } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

const OUTCOMES = [
  '2xx',
  '3xx',
  '4xx',
  '5xx',
  'timeout',
  'unreachable',
  'circuit_open',
  'rate_limited',
  'refused',
  'failed',
];

/** What is measured of calls of providers, and of credentials. */
@Injectable()
export class CallMetrics {
  private readonly calls;
  private readonly refreshes;

  constructor(private readonly metrics: Metrics) {
    this.calls = metrics.durations(
      'integrations_call_duration_seconds',
      'How long calls of providers take, retries included, by how the integration authenticates and outcome: a class of status, timeout, unreachable, circuit_open, rate_limited, refused by us, or failed.',
      { auth: AUTH_METHODS, outcome: OUTCOMES },
    );
    this.refreshes = metrics.counter(
      'integrations_refreshes_total',
      'Refreshes of access tokens: refreshed, ended (a person must connect again), or postponed, as the authorization server could not be had.',
      { outcome: ['refreshed', 'ended', 'postponed'] },
    );
  }

  /** Exports how many circuit breakers are open. */
  openBreakers(read: () => number): void {
    this.metrics.gauge(
      'integrations_circuit_breakers_open',
      'Integrations whose calls this replica holds back, as the provider has failed ten times in a row.',
      [],
      read,
    );
  }

  /** @param startedAt of `performance.now()` @param end the status of the answer, or what was thrown */
  called(auth: string, startedAt: number, end: unknown): void {
    this.calls.of(auth, typeof end === 'number' ? `${Math.floor(end / 100)}xx` : outcomeOf(end)).since(startedAt);
  }

  refreshed(outcome: 'refreshed' | 'ended' | 'postponed'): void {
    this.refreshes.inc(outcome);
  }
}

function outcomeOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'failed';
  const { code, status } = error;
  if (code === 'egress.timeout') return 'timeout';
  if (code.startsWith('egress.connection.')) return 'unreachable';
  if (code === 'integration.circuit.open') return 'circuit_open';
  if (code === 'integration.rate-limit.exceeded') return 'rate_limited';
  return status < 500 ? 'refused' : 'failed';
}
