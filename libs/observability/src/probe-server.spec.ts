import { createMetrics } from './metrics';
import { startProbeServer, type ReadinessCheck } from './probe-server';

async function ask(checks: Record<string, ReadinessCheck>, path: string): Promise<{ status: number; body: string }> {
  const metrics = createMetrics('test', { processMetrics: false });
  const server = await startProbeServer({ port: 0, host: '127.0.0.1', checks, metrics });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  const answer = { status: response.status, body: await response.text() };
  await server.close();
  return answer;
}

describe('probe server', () => {
  it('is ready when every check passes', async () => {
    expect(await ask({ bus: () => undefined }, '/readyz')).toEqual({
      status: 200,
      body: '{"status":"ok","checks":{"bus":"ok"}}',
    });
  });

  it('is not ready, and says why, when one fails; and stays alive', async () => {
    const checks = { bus: () => undefined, database: () => Promise.reject(new Error('cannot be reached')) };
    const { status, body } = await ask(checks, '/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({ status: 'unavailable', checks: { bus: 'ok', database: 'cannot be reached' } });
    expect((await ask(checks, '/livez')).status).toBe(200);
  });

  it('answers metrics, and 404 elsewhere', async () => {
    expect((await ask({}, '/metrics')).status).toBe(200);
    expect((await ask({}, '/other')).status).toBe(404);
  });
});
