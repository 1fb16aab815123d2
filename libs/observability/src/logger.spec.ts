import { withContext } from './context';
import { createLogger, type Logger } from './logger';

const KEY = 'mj_agent_0123456789abcdefghijklmnopqrstuvw';

function capture(): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  return { lines, logger: createLogger({ service: 'test', destination: { write: (line) => void lines.push(line) } }) };
}

describe('logger', () => {
  it('writes one JSON line with service, level, time and message', () => {
    const { lines, logger } = capture();
    logger.info({ msg: 'run claimed', runId: 'r1' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ service: 'test', level: 'info', msg: 'run claimed', runId: 'r1' });
  });

  it('carries request and trace id of the running request', async () => {
    const { lines, logger } = capture();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await withContext({ requestId: 'req-1', traceparent }, async () => {
      await Promise.resolve();
      logger.warn({ msg: 'inside' });
    });
    logger.warn({ msg: 'outside' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ requestId: 'req-1', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' });
    expect(lines[1]).not.toContain('requestId');
  });

  it('lets no key out: in a message, a field, a nested field, an error, its stack or its cause', () => {
    const { lines, logger } = capture();
    logger.error({ msg: `got ${KEY}`, header: `Bearer ${KEY}`, deep: { list: [KEY] } });
    logger.error({ msg: 'failed', err: new Error(`bad ${KEY}`, { cause: new Error(`worse ${KEY}`) }) });
    logger.error({ msg: 'fields', password: 'hunter2', request: { authorization: 'Basic aHVudGVyMg' } });
    const all = lines.join('');
    expect(all).not.toContain(KEY.slice(9));
    expect(all).toContain('mj_agent_***');
    expect(all).not.toMatch(/hunter2|aHVudGVyMg/);
    expect(all).toContain('worse');
  });
});
