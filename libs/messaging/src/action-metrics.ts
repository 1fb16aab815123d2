import { ACTIONS, INTERNAL_CALLS, serviceOf, type ServiceName } from '@agent-platform/contracts';
import type { Metrics } from '@agent-platform/observability';

/** Of an answer: below 400, below 500, and the rest. */
const OUTCOMES = ['ok', 'refused', 'failed'];

/** What is measured of the requests that a service answers. */
export class ActionMetrics {
  private readonly actions;
  private readonly internals;

  constructor(metrics: Metrics, service: ServiceName, underWay: () => number) {
    const own = ACTIONS.filter((action) => serviceOf(action) === service).map(({ name }) => name);
    this.actions = metrics.durations(
      'agent_platform_action_duration_seconds',
      'How long a service takes for an action, by action and outcome: ok, refused (a status from 400 on), failed (from 500 on).',
      { action: own, outcome: OUTCOMES },
    );
    const calls = Object.values(INTERNAL_CALLS).filter((call) => call.service === service);
    this.internals = metrics.durations(
      'agent_platform_internal_call_duration_seconds',
      'How long a service takes for a call of another service, by call and outcome.',
      { call: calls.map(({ subject }) => callOf(subject)), outcome: ['ok', 'failed'] },
    );
    metrics.gauge('agent_platform_requests_under_way', 'Requests that a service answers now.', [], underWay);
  }

  /** @param startedAt of `performance.now()` */
  action(name: string, status: number, startedAt: number): void {
    this.actions.of(name, status < 400 ? 'ok' : status < 500 ? 'refused' : 'failed').since(startedAt);
  }

  internal(subject: string, isOk: boolean, startedAt: number): void {
    this.internals.of(callOf(subject), isOk ? 'ok' : 'failed').since(startedAt);
  }
}

/** `rpc.internal.auth.verify-key.v1` → `verify-key`. */
function callOf(subject: string): string {
  return subject.split('.')[3] ?? '';
}
