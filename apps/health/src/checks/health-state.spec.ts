import { HEALTH_STATES, type HealthState } from '@agent-platform/contracts';
import { decide, NEXT, type Evidence, type Standing } from './health-state';

const thresholds = { downAfter: 3, upAfter: 2 };
const start: Standing = { state: 'healthy', failures: 0, refusals: 0, successes: 0 };
const none = { calls: 0, failures: 0 };

type Step = 'ok' | 'failed' | 'refused' | 'ended' | 'not_connected';

function evidenceOf(step: Step, calls = none): Evidence {
  const outcome = step === 'refused' || step === 'ended' ? 'reauth_required' : step;
  return { check: { outcome, ended: step === 'ended' }, hasEnded: false, hasCheck: true, calls };
}

/** The states that follow each other. */
function statesOf(steps: readonly Step[], from: Partial<Standing> = {}): HealthState[] {
  let standing = { ...start, ...from };
  return steps.map((step) => (standing = decide(standing, evidenceOf(step), thresholds)).state);
}

const calls = (count: number, failures: number, from: HealthState = 'healthy', hasCheck = true) =>
  decide({ ...start, state: from }, { hasEnded: false, hasCheck, calls: { calls: count, failures } }, thresholds).state;

describe('checks', () => {
  it('raise no alarm for one lost packet, nor for as many as are too few in a row', () => {
    expect(statesOf(['failed', 'ok', 'failed', 'failed', 'ok', 'failed'])).not.toContain('down');
  });

  it('find an integration down after three failures in a row, and no sooner', () => {
    expect(statesOf(['failed', 'failed', 'failed', 'failed'])).toEqual(['healthy', 'healthy', 'down', 'down']);
  });

  it('find it back after two successes in a row, and no sooner', () => {
    const steps: Step[] = ['ok', 'failed', 'ok', 'ok', 'ok'];
    expect(statesOf(steps, { state: 'down', failures: 3 })).toEqual(['down', 'down', 'down', 'healthy', 'healthy']);
  });

  it('do not flap with a provider that fails every second time', () => {
    const steps = Array.from({ length: 50 }, (_, n): Step => (n % 2 ? 'ok' : 'failed'));
    expect(new Set(statesOf(steps))).toEqual(new Set(['healthy']));
    expect(new Set(statesOf(steps, { state: 'down', failures: 3 }))).toEqual(new Set(['down']));
  });

  it('know an integration by its first success', () => {
    expect(statesOf(['failed', 'ok'], { state: 'unknown' })).toEqual(['unknown', 'healthy']);
  });

  it('want it connected again after three refusals in a row, or at once where the connection has ended', () => {
    expect(statesOf(['refused', 'refused', 'refused'])).toEqual(['healthy', 'healthy', 'reauth_required']);
    expect(statesOf(['ended'])).toEqual(['reauth_required']);
    expect(statesOf(['refused', 'refused', 'ok', 'refused'])).not.toContain('reauth_required');
  });

  it('count refusals among failures, so that one that fails in turns is down too', () => {
    expect(statesOf(['failed', 'refused', 'failed'])).toEqual(['healthy', 'healthy', 'down']);
  });

  it('find one that refuses down only after as many outages in a row', () => {
    const steps: Step[] = ['failed', 'failed', 'failed'];
    const from = { state: 'reauth_required', refusals: 3 } as const;
    expect(statesOf(steps, from)).toEqual(['reauth_required', 'reauth_required', 'down']);
  });

  it('say nothing of one that is not connected', () => {
    for (const state of HEALTH_STATES) expect(statesOf(['not_connected'], { state })).toEqual(['unknown']);
  });

  it('change nothing while the connection has ended, as a check without the credential would', () => {
    for (const state of HEALTH_STATES) {
      for (const step of ['ok', 'failed', 'refused', 'not_connected'] as const) {
        const evidence = { ...evidenceOf(step), hasEnded: true };
        expect(decide({ ...start, state, failures: 9, successes: 9 }, evidence, thresholds).state).toBe(
          'reauth_required',
        );
      }
    }
  });

  it('count as configured', () => {
    const atOnce = { downAfter: 1, upAfter: 1 };
    const down = decide(start, evidenceOf('failed'), atOnce);
    expect(down.state).toBe('down');
    expect(decide(down, evidenceOf('ok'), atOnce).state).toBe('healthy');
  });
});

describe('calls', () => {
  it('degrade an integration of which a fifth fail, and not one of which fewer do', () => {
    expect(calls(10, 2)).toBe('degraded');
    expect(calls(100, 19)).toBe('healthy');
  });

  it('say nothing where there are few', () => {
    expect(calls(9, 9)).toBe('healthy');
    expect(calls(9, 9, 'unknown')).toBe('unknown');
  });

  it('leave it degraded until fewer than a tenth fail, or there are too few to say', () => {
    expect(calls(100, 15, 'degraded')).toBe('degraded');
    expect(calls(100, 9, 'degraded')).toBe('healthy');
    expect(calls(3, 3, 'degraded')).toBe('healthy');
  });

  it('alone never find an integration down, and never bring one back', () => {
    for (const state of HEALTH_STATES) {
      expect(calls(1000, 1000, state) === 'down').toBe(state === 'down');
      expect(calls(1000, 0, 'down')).toBe('down');
    }
  });

  it('tell of one without a health check that it works', () => {
    expect(calls(1, 0, 'unknown', false)).toBe('healthy');
    expect(calls(1, 1, 'unknown', false)).toBe('unknown');
    expect(calls(1, 0, 'unknown', true)).toBe('unknown');
  });

  it('count with a check: one that is back may be degraded', () => {
    const from: Standing = { state: 'down', failures: 0, refusals: 0, successes: 1 };
    expect(decide(from, evidenceOf('ok', { calls: 10, failures: 5 }), thresholds).state).toBe('degraded');
  });
});

it('makes no change that is not in the table', () => {
  const steps: Step[] = ['ok', 'failed', 'refused', 'ended', 'not_connected'];
  for (const state of HEALTH_STATES) {
    for (let failures = 0; failures < 5; failures++) {
      for (const step of steps) {
        for (const some of [none, { calls: 20, failures: 20 }, { calls: 20, failures: 3 }]) {
          const before = { state, failures, refusals: failures, successes: failures };
          const after = decide(before, evidenceOf(step, some), thresholds).state;
          if (after !== state) expect(NEXT[state]).toContain(after);
        }
      }
    }
  }
});
