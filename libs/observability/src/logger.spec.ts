import { withContext } from './context';
import { log, logAudit, logError, setDefaultLogger } from './default-logger';
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
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      service: 'test',
      level: 'info',
      msg: 'run claimed',
      runId: 'r1',
    });
  });

  it('carries request and trace id of the running request', async () => {
    const { lines, logger } = capture();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await withContext({ requestId: 'req-1', traceparent }, async () => {
      await Promise.resolve();
      logger.warn({ msg: 'inside' });
    });
    logger.warn({ msg: 'outside' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      requestId: 'req-1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    });
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

  it('hides secrets by name at any depth, whatever the spelling, and keeps what tells nothing', () => {
    const { lines, logger } = capture();
    const headers = {
      'X-Agent-Key': 'a1-secret',
      api_key: 'b2-secret',
      Signature: 'c3-secret',
      clientSecret: { value: 'd4-secret' },
    };
    logger.info({ msg: 'deep', one: { two: { three: [{ headers }] } }, keyId: 'k-7', hasPassword: true });
    expect(lines[0]).not.toMatch(/[a-d]\d-secret/);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ keyId: 'k-7', hasPassword: true });
  });

  it('hides webhook secrets and passwords in URLs', () => {
    const { lines, logger } = capture();
    logger.warn({
      msg: 'cannot connect',
      url: 'postgres://ap_auth:p@ss-w0rd@db:5432/agents',
      with: 'whsec_MfKQ9r8GKYqr',
    });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      url: 'postgres://ap_auth:***@db:5432/agents',
      with: 'whsec_***',
    });
  });

  it('keeps the own message beside an error, and shows the code but not what else hangs on the error', () => {
    const { lines, logger } = capture();
    const error = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(ada@example.com)' });
    logger.error({ msg: 'insert failed', err: error });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      msg: 'insert failed',
      err: {
        type: 'Error',
        code: '23505',
        message: 'duplicate key',
        stack: expect.stringContaining('logger.spec') as string,
      },
    });
    expect(lines[0]).not.toContain('ada@example.com');
    expect(lines[0]?.match(/"msg":/g)).toHaveLength(1);
  });

  it('survives a field that holds itself, bytes and big integers', () => {
    const { lines, logger } = capture();
    const loop: Record<string, unknown> = { bytes: Buffer.from('hunter2'), count: 12n };
    loop.self = loop;
    logger.info({ msg: 'odd', loop });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ loop: { bytes: '[7 bytes]', count: '12' } });
  });

  it('gives the fields of a child to each of its lines, once', () => {
    const { lines, logger } = capture();
    logger.child({ runId: 'r1', stepId: 's1' }).info({ msg: 'step started', stepId: 's2' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ runId: 'r1', stepId: 's2' });
    expect(lines[0]?.match(/stepId/g)).toHaveLength(1);
  });

  it('stays silent below its level', () => {
    const { lines, logger } = capture();
    logger.debug({ msg: 'detail' });
    expect(lines).toEqual([]);
  });
});

describe('default logger', () => {
  it('gets log, logError and logAudit', () => {
    const { lines, logger } = capture();
    setDefaultLogger(logger);
    log({ msg: 'started', port: 3000 });
    logError('run lost', new Error('lease expired'), { runId: 'r1' });
    logAudit({ action: 'workflow.create', decision: 'allowed', after: { apiKey: 'hunter2' } });
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'info', msg: 'started', port: 3000 },
      { level: 'error', msg: 'run lost', runId: 'r1', err: { message: 'lease expired' } },
      { level: 'info', msg: 'audit', action: 'workflow.create', decision: 'allowed', after: { apiKey: '***' } },
    ]);
  });
});
