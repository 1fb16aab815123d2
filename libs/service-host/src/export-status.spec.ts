import { Metrics } from '@agent-platform/observability';
import { exportStatus } from './export-status';
import { StatusReport } from './status';

const never = () => new Promise<never>(() => undefined);

/** Exports a report with the given queues; answers how to scrape it. */
function exported(queues: Record<string, () => number | Promise<number>>, checks = {}) {
  const metrics = new Metrics('test');
  const report = new StatusReport();
  for (const [name, read] of Object.entries(queues)) report.add(name, read);
  exportStatus(metrics, { version: '1.2.3', checks, report, outbox: never });
  return async () => (await metrics.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

it('shows numbers and lags by their names, build and readiness', async () => {
  const scrape = exported({ runsReady: () => 7, oldestReadySeconds: async () => 1.5 });
  expect(await scrape()).toEqual([
    'agent_platform_queue_depth{queue="runsReady",service="test"} 7',
    'agent_platform_lag_seconds{lag="oldestReadySeconds",service="test"} 1.5',
    'agent_platform_ready{service="test"} 1',
    'agent_platform_build_info{version="1.2.3",commit="none",service="test"} 1',
  ]);
});

it('reads once in five seconds, however often it is asked and by how many at once', async () => {
  jest.useFakeTimers({ now: 0 });
  try {
    let reads = 0;
    const scrape = exported({ depth: () => ++reads });
    for (let index = 0; index < 50; index++) {
      const both = Promise.all([scrape(), scrape()]);
      await jest.advanceTimersByTimeAsync(1000);
      await both;
    }
    expect(reads).toBeGreaterThanOrEqual(9);
    expect(reads).toBeLessThanOrEqual(11);
  } finally {
    jest.useRealTimers();
  }
});

it('answers without what hangs or fails, and asks for it no second time while it hangs', async () => {
  let asked = 0;
  const hangs = () => {
    asked++;
    return never();
  };
  const down = { database: never };
  const scrape = exported({ hangs, fails: () => Promise.reject(new Error('away')), works: () => 1 }, down);
  jest.useFakeTimers({ now: 0 });
  try {
    for (let round = 0; round < 3; round++) {
      const answer = scrape();
      await jest.advanceTimersByTimeAsync(2500);
      expect(await answer).toEqual([
        'agent_platform_queue_depth{queue="works",service="test"} 1',
        'agent_platform_ready{service="test"} 0',
        'agent_platform_build_info{version="1.2.3",commit="none",service="test"} 1',
      ]);
      await jest.advanceTimersByTimeAsync(5000);
    }
    expect(asked).toBe(1);
  } finally {
    jest.useRealTimers();
  }
});
