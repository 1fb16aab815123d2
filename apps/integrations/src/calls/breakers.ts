import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  isBrokenCircuitError,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { CallMetrics } from './call-metrics';

const FAILURES_TO_OPEN = 10;
const OPEN_MS = 10_000;
const MAX_INTEGRATIONS = 10_000;
/** What says that the provider did not answer. */
export const OUTAGES: readonly string[] = ['egress.timeout', 'egress.connection.failed', 'egress.connection.lost'];

/**
 * A circuit breaker per integration, on this replica: after ten failures in a row (no answer, or a status from 500 on) calls are
 * refused at once for ten seconds; then one is let through to see.
 */
@Injectable()
export class Breakers {
  private readonly breakers = new LRUCache<string, CircuitBreakerPolicy>({ max: MAX_INTEGRATIONS });

  constructor(measured: CallMetrics) {
    measured.openBreakers(() => [...this.breakers.values()].filter(({ state }) => state === CircuitState.Open).length);
  }

  /** @throws AppError `integration.circuit.open`; what the call throws */
  async run<Answer extends { readonly status: number }>(
    integrationId: string,
    call: () => Promise<Answer>,
  ): Promise<Answer> {
    let breaker = this.breakers.get(integrationId);
    if (!breaker) {
      const failures = handleWhen((error) => error instanceof AppError && OUTAGES.includes(error.code));
      breaker = circuitBreaker(
        failures.orWhenResult((answer) => (answer as Answer).status >= 500),
        { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN) },
      );
      this.breakers.set(integrationId, breaker);
    }
    try {
      return await breaker.execute(call);
    } catch (error) {
      if (!isBrokenCircuitError(error)) throw error;
      throw new AppError(
        'integration.circuit.open',
        `The provider has failed ${FAILURES_TO_OPEN} times in a row, so calls are held back for a while.`,
        { retryAfterMs: OPEN_MS },
      );
    }
  }
}
