import { ACTIONS } from '@agent-platform/contracts';
import {
  createTestAgent,
  signatureHeaders,
  startTestPlatform,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { createHash } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { connect } from 'nats';

let platform: TestPlatform;
let admin: TestClient;
/** An agent's own good key, and one that nobody has. */
let goodKey: string;
let agentId: string;
let secret: string;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const agent = await createTestAgent(admin, { skills: ['agent_manage', 'system_admin', 'workflow_read'] });
  [goodKey, agentId] = [agent.key, agent.id];
  const issued = await admin.post(`/v1/agents/${agentId}/signing-secret`, {});
  ({ secret } = issued.body.data as unknown as { secret: string });
});
afterAll(() => platform?.stop());

interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly problem: { readonly code?: string; readonly status?: number; readonly requestId?: string };
}

/** Sends bytes as they are, which no HTTP client would, and reads the first answer. */
function send(head: readonly (string | Buffer)[], body = ''): Promise<RawAnswer> {
  const { hostname, port } = new URL(platform.gateway);
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(port), hostname);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('utf8')));
    // What was refused before it was read to its end may be answered by a reset behind the answer.
    socket.on('error', (error) => (text === '' ? reject(error) : undefined));
    socket.on('close', () => {
      const [headers = '', content = ''] = text.split('\r\n\r\n');
      resolve({
        status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1]),
        type: /content-type: ([^\r\n]*)/i.exec(headers)?.[1] ?? '',
        problem: content.startsWith('{') ? (JSON.parse(content) as RawAnswer['problem']) : {},
      });
    });
    const lines = [...head, 'Host: x', 'Connection: close'].flatMap((line) => [
      Buffer.isBuffer(line) ? line : Buffer.from(line, 'utf8'),
      Buffer.from('\r\n'),
    ]);
    socket.write(Buffer.concat([...lines, Buffer.from(`\r\n${body}`)]));
  });
}

function expectRefused({ status, type, problem }: RawAnswer, allowed: readonly number[]): void {
  expect(allowed).toContain(status);
  expect(type).toBe('application/problem+json');
  expect(problem).toMatchObject({
    status,
    code: expect.any(String) as string,
    requestId: expect.any(String) as string,
    type: expect.any(String) as string,
    detail: expect.any(String) as string,
    retryable: expect.any(Boolean) as boolean,
  });
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Everything that looks a little like a key and is none, by what is wrong with it. */
function badKeys(key: string): [string, string | Buffer][] {
  const keys: [string, string | Buffer][] = [];
  for (let at = 0; at < key.length; at++) {
    const digit = key.charAt(at);
    const other = BASE62[(BASE62.indexOf(digit) + 1) % 62] ?? '0';
    keys.push([`character ${at} changed`, key.slice(0, at) + other + key.slice(at + 1)]);
    if (/[a-z]/i.test(digit)) {
      const turned = digit === digit.toLowerCase() ? digit.toUpperCase() : digit.toLowerCase();
      keys.push([`case of character ${at}`, key.slice(0, at) + turned + key.slice(at + 1)]);
    }
    keys.push([`without character ${at}`, key.slice(0, at) + key.slice(at + 1)]);
    keys.push([
      `character ${at} outside of the alphabet`,
      `${key.slice(0, at)}${'-_+/=.'[at % 6]}${key.slice(at + 1)}`,
    ]);
  }
  const lookAlikes = { a: 'а', e: 'е', o: 'о', c: 'с', p: 'р', x: 'х', j: 'ј', m: 'ｍ', _: '＿', '0': '０', I: 'Ⅰ' };
  for (const [latin, foreign] of Object.entries(lookAlikes)) {
    keys.push([`a look-alike of ${latin}`, key.includes(latin) ? key.replace(latin, foreign) : key + foreign]);
  }
  for (const [name, before, after] of [
    ['a blank inside', `${key.slice(0, 20)} `, key.slice(20)],
    ['a tab inside', `${key.slice(0, 20)}\t`, key.slice(20)],
    ['a zero-width space', `${key}\u200b`, ''],
    ['a byte order mark', `\ufeff${key}`, ''],
    ['a no-break space', `\u00a0${key}`, ''],
    ['a comma behind', `${key},`, ''],
    ['two keys', `${key}, `, key],
    ['quotes', `"${key}`, '"'],
    ['a percent escape', `${key}%00`, ''],
    ['a semicolon', `${key};`, 'a=b'],
    ['SQL', `${key}' OR '1'='1`, ''],
    ['60 digits more', key, '0'.repeat(60)],
    ['8 KiB', key, 'A'.repeat(8192)],
    ['only the prefix', 'mj_agent_', ''],
    ['another prefix', key.replace('mj_agent_', 'mj_admin_'), ''],
    ['no prefix', key.replace('mj_agent_', ''), ''],
    ['a hash in hex', createHash('sha256').update(key).digest('hex'), ''],
    ['base64', Buffer.from(key).toString('base64'), ''],
    ['undefined', 'undefined', ''],
    ['null', 'null', ''],
    ['an object', '{"key":1}', ''],
    ['0', '0', ''],
    ['-1', '-1', ''],
    ['NaN', 'NaN', ''],
  ] as const) {
    keys.push([name, before + after]);
  }
  return keys;
}

it('refuses 200 and more hostile headers and keys, each with a problem document, without asking auth for a key', async () => {
  const natsUrl = new URL(platform.separate?.natsUrl('auth') ?? '');
  const auth = await connect({ servers: natsUrl.host, user: natsUrl.username, pass: natsUrl.password });
  const asked: string[] = [];
  let current = '';
  auth.subscribe('rpc.internal.auth.verify-key.v1', { callback: () => void asked.push(current) });
  await auth.flush();

  const get = 'GET /v1/me HTTP/1.1';
  const good = `Authorization: Bearer ${goodKey}`;
  const cases: [string, readonly (string | Buffer)[], readonly number[]][] = [];
  for (const [name, key] of badKeys(goodKey)) {
    cases.push([`Bearer, ${name}`, [get, `Authorization: Bearer ${key.toString()}`], [400, 401]]);
    cases.push([`X-Agent-Key, ${name}`, [get, `X-Agent-Key: ${key.toString()}`], [400, 401]]);
  }
  const headers: readonly (readonly [string, readonly (string | Buffer)[], readonly number[]])[] = [
    ['NUL in a key', [get, Buffer.from(`X-Agent-Key: ${goodKey}\0`)], [400]],
    [
      'bytes that are no UTF-8',
      [get, Buffer.concat([Buffer.from('X-Agent-Key: '), Buffer.from([0xff, 0xfe, 0x80])])],
      [400, 401],
    ],
    ['control characters', [get, Buffer.from(`X-Agent-Key: \x01\x02\x7f${goodKey}`)], [400, 401]],
    ['64 KiB', [get, `X-Agent-Key: ${'A'.repeat(65_536)}`], [431]],
    ['64 KiB of many headers', [get, ...Array.from({ length: 700 }, (_, n) => `X-A-${n}: ${'b'.repeat(90)}`)], [431]],
    ['the same key twice', [get, `X-Agent-Key: ${goodKey}`, `X-Agent-Key: ${goodKey}`], [401]],
    ['both headers', [get, good, `X-Agent-Key: ${goodKey}`], [401]],
    ['Authorization twice', [get, good, good], [401]],
    ['another scheme', [get, `Authorization: Basic ${Buffer.from(`a:${goodKey}`).toString('base64')}`], [401]],
    ['Digest', [get, 'Authorization: Digest username="a"'], [401]],
    ['no scheme', [get, `Authorization: ${goodKey}`], [401]],
    ['two blanks', [get, `Authorization: Bearer  ${goodKey}`], [401]],
    ['a tab for the blank', [get, `Authorization: Bearer\t${goodKey}`], [401]],
    ['an empty key', [get, 'Authorization: Bearer '], [401]],
    ['an empty header', [get, 'Authorization:'], [401]],
    ['no header', [get], [401]],
    ['a folded header', [get, `Authorization: Bearer`, ` ${goodKey}`], [400, 401]],
    ['a header without a name', [get, `: ${goodKey}`], [400]],
    ['a blank before the colon', [get, `Authorization : Bearer ${goodKey}`], [400]],
    ['a cookie', [get, `Cookie: key=${goodKey}`], [401]],
    ['a query', [`GET /v1/me?key=${goodKey} HTTP/1.1`], [401]],
    ['not HTTP', [`HELO ${goodKey}`], [400]],
    ['another version', ['GET /v1/me HTTP/9.9', good], [400, 505]],
    ['two lengths', ['POST /v1/actions HTTP/1.1', good, 'Content-Length: 1', 'Content-Length: 2'], [400]],
    [
      'length and chunks',
      ['POST /v1/actions HTTP/1.1', good, 'Content-Length: 1', 'Transfer-Encoding: chunked'],
      [400],
    ],
    ['a negative length', ['POST /v1/actions HTTP/1.1', good, 'Content-Length: -1'], [400]],
    ['a length of words', ['POST /v1/actions HTTP/1.1', good, 'Content-Length: ten'], [400]],
    ['another transfer coding', ['POST /v1/actions HTTP/1.1', 'Transfer-Encoding: gzip'], [400, 401]],
  ];
  cases.push(...(headers as typeof cases));
  for (const [name, head, statuses] of cases) {
    current = name;
    const answer = await send(head);
    try {
      expectRefused(answer, statuses);
    } catch (error) {
      throw new Error(`${name}: ${JSON.stringify(answer)}`, { cause: error });
    }
    expect(JSON.stringify(answer.problem)).not.toContain(goodKey);
  }
  expect(cases.length).toBeGreaterThanOrEqual(200);
  process.stdout.write(`hostile headers and keys: ${cases.length} refused\n`);
  // A good key that nobody has asked for yet: once auth is asked for it, it was asked for all before it.
  current = 'a good key';
  expect((await new TestClient(platform.gateway, goodKey).get('/v1/me')).status).toBe(200);
  await until('the question', () => asked.includes(current));
  expect(asked).toEqual([current]);
  await auth.close();
});

const LONG = 'x'.repeat(8000);
const TEXTS = [
  '',
  ' ',
  LONG,
  'null',
  '../../etc/passwd',
  "' OR 1=1 --",
  '${{ 1 }}',
  '<script>',
  'a\nb',
  '\u202e',
  '%',
  'é'.repeat(300),
];
const UUIDS = [
  '01938f9e-7c1e-7000-8000-00000000000',
  '01938f9e-7c1e-7000-8000-0000000000011',
  '01938f9e7c1e70008000000000000001',
  '{01938f9e-7c1e-7000-8000-000000000001}',
  'urn:uuid:01938f9e-7c1e-7000-8000-000000000001',
  '01938f9e-7c1e-7000-8000-00000000000g',
  '01938f9e-7c1e-7000-8000-000000000001 ',
  '0',
  '-1',
  '1e9',
  'NaN',
  'undefined',
  '[object Object]',
  '*',
];
const LIMITS = [
  '0',
  '-1',
  '201',
  '1.5',
  '1e2',
  '0x10',
  ' 5',
  '5 ',
  'five',
  '',
  '9'.repeat(30),
  'NaN',
  'Infinity',
  'true',
  'null',
  '[]',
  '５',
];
const CURSORS = [
  'x',
  '=',
  'AAAA',
  Buffer.from('01938f9e-7c1e-7000-8000-00000000000').toString('base64url'),
  Buffer.from("'; DROP TABLE auth.agents; --").toString('base64url'),
  Buffer.from('[]').toString('base64url'),
  Buffer.from('01938f9e-7c1e-7000-8000-000000000001\0').toString('base64url'),
  LONG,
  '%00',
  'é',
  '../..',
  '-1',
];
const TIMESTAMPS = [
  '',
  '0',
  '-1',
  'now',
  '1e9',
  '1.5',
  '0x0',
  ' 1764000000',
  `${'9'.repeat(16)}`,
  '1764000000000',
  'NaN',
  '01764000000',
  '+1764000000',
  '１７６４',
  '1764000000,',
  'true',
  'null',
  '2026-11-24T00:00:00Z',
];
const NONCES = [
  '',
  'short',
  'fifteen-letters',
  'x'.repeat(129),
  LONG,
  'a blank in the nonce',
  'tab\tin the nonce here',
  'é'.repeat(20),
  '\u200b'.repeat(20),
  ' '.repeat(20),
  '１'.repeat(16),
];
const SIGNATURES = [
  '',
  'v1=',
  'v1',
  `v1=${'0'.repeat(63)}`,
  `v1=${'0'.repeat(65)}`,
  `v1=${'g'.repeat(64)}`,
  `v1=${'A'.repeat(64)}`,
  `v2=${'0'.repeat(64)}`,
  '0'.repeat(64),
  `V1=${'0'.repeat(64)}`,
  `v1= ${'0'.repeat(64)}`,
  `v1=${'0'.repeat(64)},v1=${'0'.repeat(64)}`,
  `v1=${'0'.repeat(64)};`,
  LONG,
  'null',
  `v1=${'０'.repeat(64)}`,
];
const IDEMPOTENCY_KEYS = ['', ' ', 'a b', 'a\tb', 'x'.repeat(256), LONG, 'é', '\u200b', '１', 'a, b\u00a0', '\u00ff'];

it('refuses 300 and more hostile single fields, each with a problem document', async () => {
  const cases: [string, () => Promise<{ status: number; body: { code?: string } }>][] = [];
  const signing = new TestClient(platform.gateway, goodKey);
  for (const id of [...UUIDS, ...TEXTS.filter((text) => text !== '')]) {
    const path = `/v1/agents/${encodeURIComponent(id)}`;
    cases.push([`id in GET ${path}`, () => admin.get(path)]);
    cases.push([`id in PUT ${path}/skills`, () => admin.send('PUT', `${path}/skills`, '{"skills": []}')]);
    cases.push([`key id ${id}`, () => admin.send('DELETE', `/v1/agents/${agentId}/keys/${encodeURIComponent(id)}`)]);
    cases.push([`run id ${id}`, () => admin.get(`/v1/runs/${encodeURIComponent(id)}`)]);
    cases.push([`agent id of the audit log ${id}`, () => admin.get(`/v1/audit?agentId=${encodeURIComponent(id)}`)]);
  }
  for (const list of ['/v1/agents', '/v1/audit', '/v1/workflows', '/v1/runs']) {
    for (const limit of LIMITS)
      cases.push([`limit ${limit}`, () => admin.get(`${list}?limit=${encodeURIComponent(limit)}`)]);
    for (const cursor of CURSORS) {
      cases.push([`cursor ${cursor}`, () => admin.get(`${list}?cursor=${encodeURIComponent(cursor)}`)]);
    }
  }
  for (const field of ['rateLimitRpm', 'graceSeconds', 'expiresInSeconds']) {
    const path = field === 'rateLimitRpm' ? `/v1/agents/${agentId}` : `/v1/agents/${agentId}/keys`;
    for (const value of [-1, 1.5, 1e9, '60', null, true, [], {}, [60]]) {
      if (value === null) continue;
      const method = field === 'rateLimitRpm' ? 'PATCH' : 'POST';
      cases.push([
        `${field} ${JSON.stringify(value)}`,
        () => admin.send(method, path, JSON.stringify({ [field]: value })),
      ]);
    }
  }
  const body = JSON.stringify({ name: 'never made', type: 'tool' });
  const sign = (headers: Record<string, string>) => signing.send('POST', '/v1/agents', body, headers);
  const signed = () => signatureHeaders(secret, 'POST', '/v1/agents', body);
  /** What a header can carry at all: fetch refuses the rest, as an HTTP client should. */
  const latin1 = (text: string) =>
    Buffer.from(text, 'utf8')
      .toString('latin1')
      .replace(/[\n\0]/g, '?');
  for (const timestamp of TIMESTAMPS) {
    cases.push([`timestamp ${timestamp}`, () => sign({ ...signed(), 'x-agent-timestamp': latin1(timestamp) })]);
  }
  for (const nonce of NONCES)
    cases.push([`nonce ${nonce}`, () => sign({ ...signed(), 'x-agent-nonce': latin1(nonce) })]);
  for (const value of SIGNATURES) {
    cases.push([`signature ${value}`, () => sign({ ...signed(), 'x-agent-signature': latin1(value) })]);
  }
  for (const key of IDEMPOTENCY_KEYS) {
    if (key.trim() === '' && key !== '') continue;
    cases.push([`idempotency key ${key}`, () => admin.post('/v1/agents', {}, { 'idempotency-key': latin1(key) })]);
  }
  for (const [name, run] of cases) {
    const { status, body: problem } = await run();
    if (status < 400 || status >= 500 || !problem.code)
      throw new Error(`${name}: ${status} ${JSON.stringify(problem)}`);
  }
  expect(cases.length).toBeGreaterThanOrEqual(300);
  process.stdout.write(`hostile fields: ${cases.length} refused\n`);
  expect(await platform.database.query("SELECT FROM auth.agents WHERE name = 'never made'")).toEqual([]);
  const { body: me } = await admin.get(`/v1/agents/${agentId}`);
  expect(me.data).toMatchObject({ rateLimitRpm: 100_000, status: 'active' });
});

it('says of every action that its id must be a UUID, or of those that take a name too a name, before Postgres is asked', async () => {
  // No name of an integration either.
  const strange = 'not a uuid';
  for (const { name, http, example } of ACTIONS.filter(({ http: { path } }) => path.includes('{id}'))) {
    if (name === 'agent.command') continue;
    const { status, body } = await admin.action(name, { ...example, id: strange });
    if (status === 501) expect(body.code).toBe('action.not-implemented');
    else
      expect([name, http.path, status, body.errors?.map(({ path }) => path)]).toEqual([name, http.path, 422, ['id']]);
  }
});
