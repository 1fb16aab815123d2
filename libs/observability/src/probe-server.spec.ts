import { Lifecycle } from './lifecycle';
import { createMetrics } from './metrics';
import { probe, type ReadinessCheck } from './probe';
import { startProbeServer } from './probe-server';

const running = (ready: Record<string, ReadinessCheck>, alive: Record<string, ReadinessCheck> = {}) => {
  const lifecycle = new Lifecycle();
  lifecycle.started({ ready, alive });
  return lifecycle;
};

async function ask(
  given: Record<string, ReadinessCheck> | Lifecycle,
  path: string,
): Promise<{ status: number; body: string }> {
  const metrics = createMetrics('test', { processMetrics: false });
  const lifecycle = given instanceof Lifecycle ? given : running(given);
  const server = await startProbeServer({ port: 0, host: '127.0.0.1', lifecycle, metrics });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  const answer = { status: response.status, body: await response.text() };
  await server.close();
  return answer;
}

describe('probe server', () => {
  it('is ready when every check passes', async () => {
    expect(await ask({ bus: () => undefined }, '/readyz')).toEqual({
      status: 200,
      body: '{"status":"ok","checks":{"lifecycle":"ok","bus":"ok"}}',
    });
  });

  it('is not ready, and says why, when one fails; and stays alive', async () => {
    const checks = { bus: () => undefined, database: () => Promise.reject(new Error('cannot be reached')) };
    const { status, body } = await ask(checks, '/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      status: 'unavailable',
      checks: { lifecycle: 'ok', bus: 'ok', database: 'cannot be reached' },
    });
    expect((await ask(checks, '/livez')).status).toBe(200);
  });

  it('is alive and not ready while it starts, and says what it waits for', async () => {
    const lifecycle = new Lifecycle();
    const statuses = () =>
      Promise.all(['/startupz', '/livez', '/readyz'].map(async (path) => (await ask(lifecycle, path)).status));
    expect(await statuses()).toEqual([503, 200, 503]);
    lifecycle.waits('waits for NATS');
    expect(JSON.parse((await ask(lifecycle, '/startupz')).body)).toEqual({
      status: 'unavailable',
      checks: { lifecycle: 'waits for NATS' },
    });
    let isAway = false;
    const bus = () => {
      if (isAway) throw new Error('NATS cannot be reached');
    };
    lifecycle.started({ ready: { bus } });
    expect(await statuses()).toEqual([200, 200, 200]);
    isAway = true;
    expect(await statuses()).toEqual([200, 200, 503]);
    isAway = false;
    lifecycle.stops();
    expect(await statuses()).toEqual([200, 200, 503]);
    expect((await ask(lifecycle, '/readyz')).body).toContain('is stopping');
  });

  it('is not alive where only a restart helps', async () => {
    const givenUp = () => {
      throw new Error('the connection to NATS was given up');
    };
    const { status, body } = await ask(running({}, { bus: givenUp }), '/livez');
    expect([status, JSON.parse(body)]).toEqual([
      503,
      { status: 'unavailable', checks: { bus: 'the connection to NATS was given up' } },
    ]);
  });

  it('answers metrics, and 404 elsewhere', async () => {
    expect((await ask({}, '/metrics')).status).toBe(200);
    expect((await ask({}, '/other')).status).toBe(404);
  });

  it('shows only the code of an error that comes from a driver', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED db.internal:5432'), { code: 'ECONNREFUSED' });
    const { body } = await ask(
      {
        database: () => Promise.reject(refused),
        parser: () => {
          throw new TypeError('x is undefined');
        },
      },
      '/readyz',
    );
    expect(JSON.parse(body)).toMatchObject({ checks: { database: 'failed (ECONNREFUSED)', parser: 'failed' } });
  });

  it('is not ready when a check hangs', async () => {
    const { status, body } = await ask({ bus: () => new Promise<void>(() => undefined) }, '/readyz');
    expect(status).toBe(503);
    expect(body).toContain('did not answer in time');
  });

  it('runs the checks once for all who ask at the same time', async () => {
    let runs = 0;
    const answer = probe(
      running({
        bus: async () => {
          runs++;
          await Promise.resolve();
        },
      }),
      createMetrics('test', { processMetrics: false }),
      '1.2.3',
    );
    const [first] = await Promise.all([answer('/readyz'), answer('/readyz')]);
    expect(runs).toBe(1);
    expect(JSON.parse(first?.body ?? '')).toEqual({
      status: 'ok',
      checks: { lifecycle: 'ok', bus: 'ok' },
      version: '1.2.3',
    });
    await answer('/readyz');
    expect(runs).toBe(2);
  });

  it('takes HEAD without a body, refuses other methods, and closes twice without harm', async () => {
    const metrics = createMetrics('test', { processMetrics: false });
    const server = await startProbeServer({ port: 0, host: '127.0.0.1', lifecycle: running({}), metrics });
    const url = `http://127.0.0.1:${server.port}`;
    const head = await fetch(`${url}/livez`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(`${url}/livez`, { method: 'POST' })).status).toBe(405);
    const missing = await fetch(`${url}/other`);
    expect(missing.headers.get('content-type')).toBe('application/problem+json');
    expect(await missing.json()).toMatchObject({ status: 404, code: 'request.route.not-found' });
    await server.close();
    await server.close();
  });
});

describe('createMetrics', () => {
  it('measures the process in one registry only, and keeps services apart', async () => {
    const [first, second] = ['auth', 'gateway'].map((name) => createMetrics(name, { processMetrics: true }));
    expect(await first?.metrics()).toContain('process_cpu_seconds_total{service="auth"}');
    expect(await second?.metrics()).not.toContain('process_cpu');
  });
});
