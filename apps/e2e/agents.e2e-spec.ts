import type { Agent, AgentWithKeys, AuditRow, IssuedKey } from '@agent-platform/contracts';
import {
  createTestAgent,
  signatureHeaders,
  startTestPlatform,
  TestClient,
  until,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';

let platform: TestPlatform;
let admin: TestClient;
const as = (key: string) => new TestClient(platform.gateway, key);
const dataOf = <T>({ body }: Answer) => body.data as unknown as T;
const rotate = (agent: TestClient, id: string, params: object = {}) => agent.post(`/v1/agents/${id}/keys`, params);

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  admin = as(platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

describe('agents', () => {
  it('are registered with their first key, listed, found, changed and read, and never show a key again', async () => {
    const skills = ['data_read', 'workflow_read'];
    const created = await admin.post('/v1/agents', {
      name: 'Researcher',
      type: 'autonomous',
      description: 'Finds zebras',
      rateLimitRpm: 90,
      skills,
    });
    expect(created.status).toBe(201);
    const { key, id, ...agent } = dataOf<Agent & { key: string }>(created);
    expect(agent).toMatchObject({ name: 'Researcher', status: 'active', rateLimitRpm: 90, skills, metadata: {} });

    const found = await admin.get('/v1/agents?search=zebras');
    expect(dataOf<Agent[]>(found).map((one) => one.id)).toEqual([id]);
    const bySkill = await admin.get('/v1/agents?skill=workflow_read&limit=200');
    expect(dataOf<Agent[]>(bySkill).map(({ name }) => name)).toEqual(['Researcher', 'Dashboard', 'OpenClaw']);
    const first = await admin.get('/v1/agents?limit=1');
    const second = await admin.get(`/v1/agents?limit=1&cursor=${first.body.page?.nextCursor}`);
    expect([first, second].flatMap((page) => dataOf<Agent[]>(page)).map(({ name }) => name)).toEqual([
      'Researcher',
      'Scheduler',
    ]);

    const me = await as(key).get('/v1/me');
    expect(dataOf(me)).toMatchObject({ id, rateLimitRpm: 90, remaining: 89, skills });
    const read = await admin.get(`/v1/agents/${id}`);
    const [shown] = dataOf<AgentWithKeys>(read).keys;
    expect(shown).toEqual({
      id: expect.any(String) as string,
      prefix: key.slice(0, 13),
      createdAt: expect.any(String) as string,
      expiresAt: expect.any(String) as string,
      lastUsedAt: expect.any(String) as string,
    });
    expect(JSON.stringify([read.body, found.body])).not.toContain(key);

    const metadata = { team: 'blue' };
    const updated = await admin.send(
      'PATCH',
      `/v1/agents/${id}`,
      JSON.stringify({ name: 'Finder', rateLimitRpm: 30, metadata }),
    );
    expect(dataOf(updated)).toMatchObject({ name: 'Finder', rateLimitRpm: 30, metadata, description: 'Finds zebras' });
    expect(dataOf(await as(key).get('/v1/me'))).toMatchObject({ name: 'Finder', rateLimitRpm: 30 });
  });

  it('have names of their own, and metadata that is small', async () => {
    const { id } = await createTestAgent(admin, { name: 'Twin' });
    expect((await admin.post('/v1/agents', { name: 'Twin', type: 'tool' })).body.code).toBe('agent.name.taken');
    const patch = (params: object) => admin.send('PATCH', `/v1/agents/${id}`, JSON.stringify(params));
    expect((await patch({ name: 'OpenClaw' })).body.code).toBe('agent.name.taken');
    const large = await patch({ metadata: { text: 'x'.repeat(10_000) } });
    expect(large.body.errors?.map(({ path }) => path)).toEqual(['metadata']);
  });

  it('are told apart from those that are not there by nobody but their owner and an administrator', async () => {
    const { key: ownerKey } = await createTestAgent(admin, { skills: ['agent_manage', 'data_read'] });
    const { key: otherKey } = await createTestAgent(admin, { skills: ['agent_manage'] });
    const [owner, other] = [as(ownerKey), as(otherKey)];
    const { id, key } = await createTestAgent(owner, { skills: ['data_read'] });
    expect((await owner.get(`/v1/agents/${id}`)).status).toBe(200);
    const calls = [
      () => other.get(`/v1/agents/${id}`),
      () => other.send('PATCH', `/v1/agents/${id}`, '{"description": "mine"}'),
      () => other.send('PUT', `/v1/agents/${id}/skills`, '{"skills": []}'),
      () => rotate(other, id),
      () => other.post(`/v1/agents/${id}/signing-secret`, {}),
      () => other.send('DELETE', `/v1/agents/${id}/keys/${id}`),
    ];
    for (const call of calls) expect((await call()).body.code).toBe('agent.not-found');
    expect(dataOf<Agent[]>(await other.get('/v1/agents')).map((one) => one.id)).not.toContain(id);
    expect((await as(key).get('/v1/me')).status).toBe(200);
  });
});

describe('no key can widen itself', () => {
  it('by a grant, a key, a secret, a limit or an activation', async () => {
    const manager = await createTestAgent(admin, { skills: ['agent_manage', 'data_read'], rateLimitRpm: 1000 });
    const agent = as(manager.key);
    const missing = ({ status, body }: Answer) => [status, body.missingCapability];

    const more = await agent.post('/v1/agents', { name: 'more', type: 'tool', skills: ['data_read', 'data_write'] });
    expect(missing(more)).toEqual([403, 'data_write']);
    const self = await agent.send(
      'PUT',
      `/v1/agents/${manager.id}/skills`,
      '{"skills": ["agent_manage", "system_admin"]}',
    );
    expect(missing(self)).toEqual([403, 'system_admin']);
    const faster = await agent.send('PATCH', `/v1/agents/${manager.id}`, '{"rateLimitRpm": 1001}');
    expect(faster.body.code).toBe('agent.rate-limit.too-high');
    const fast = await agent.post('/v1/agents', { name: 'fast', type: 'tool', rateLimitRpm: 1001 });
    expect(fast.body.code).toBe('agent.rate-limit.too-high');

    const { id } = await createTestAgent(agent, { skills: ['data_read'], rateLimitRpm: 10 });
    await admin.send('PUT', `/v1/agents/${id}/skills`, '{"skills": ["data_read", "data_query"]}');
    expect(missing(await rotate(agent, id))).toEqual([403, 'data_query']);
    expect(missing(await agent.post(`/v1/agents/${id}/signing-secret`, {}))).toEqual([403, 'data_query']);
    // To take is no widening.
    const less = await agent.send('PUT', `/v1/agents/${id}/skills`, '{"skills": []}');
    expect(dataOf<Agent>(less).skills).toEqual([]);

    const setStatus = (by: TestClient, status: string) =>
      by.send('PATCH', `/v1/agents/${id}`, JSON.stringify({ status }));
    expect((await setStatus(agent, 'suspended')).status).toBe(200);
    expect((await setStatus(agent, 'active')).status).toBe(200);
    expect((await setStatus(admin, 'suspended')).status).toBe(200);
    expect((await setStatus(agent, 'active')).body.code).toBe('agent.status.not-yours');
    expect((await setStatus(agent, 'archived')).status).toBe(200);
  });
});

describe('keys', () => {
  it('rotate with a grace period, live side by side, and are revoked', async () => {
    const { id, key } = await createTestAgent(admin);
    const second = dataOf<IssuedKey>(await rotate(admin, id, { graceSeconds: 3600, expiresInSeconds: 7200 }));
    expect((await as(key).get('/v1/me')).status).toBe(200);
    expect((await as(second.key).get('/v1/me')).status).toBe(200);
    const { keys } = dataOf<AgentWithKeys>(await admin.get(`/v1/agents/${id}`));
    expect(keys.map(({ prefix }) => prefix)).toEqual([key, second.key].map((one) => one.slice(0, 13)));
    const hours = keys.map(({ expiresAt }) => Math.round((Date.parse(expiresAt) - Date.now()) / 3_600_000));
    expect(hours).toEqual([1, 2]);

    const third = dataOf<IssuedKey>(await rotate(admin, id, { graceSeconds: 0 }));
    expect((await as(second.key).get('/v1/me')).status).toBe(401);
    expect((await as(third.key).get('/v1/me')).status).toBe(200);
    const revoke = () => admin.send('DELETE', `/v1/agents/${id}/keys/${third.id}`);
    expect((await revoke()).status).toBe(204);
    expect((await as(third.key).get('/v1/me')).status).toBe(401);
    expect((await revoke()).status).toBe(204);
    expect((await admin.send('DELETE', `/v1/agents/${id}/keys/${id}`)).body.code).toBe('agent.key.not-found');
    const tooLong = await rotate(admin, id, { expiresInSeconds: 31_536_001 });
    expect(tooLong.body.errors?.map(({ path }) => path)).toEqual(['expiresInSeconds']);
  });

  it('that an agent rotates itself, with no grace, is answered with the new one', async () => {
    const { id, key } = await createTestAgent(admin, { skills: ['agent_manage'] });
    const rotated = await rotate(as(key), id, { graceSeconds: 0 });
    expect(rotated.status).toBe(201);
    expect((await as(dataOf<IssuedKey>(rotated).key).get('/v1/me')).status).toBe(200);
  });

  it('give the first answer again under the same idempotency key, the key of the answer included', async () => {
    const { id } = await createTestAgent(admin);
    const ask = () => admin.post(`/v1/agents/${id}/keys`, {}, { 'idempotency-key': `rotate-${id}` });
    const first = await ask();
    expect(first.status).toBe(201);
    expect((await ask()).body).toEqual(first.body);
    const [kept] = await platform.database.query<{ body: string }>(
      'SELECT body FROM auth.idempotency_records WHERE key = $1',
      [`rotate-${id}`],
    );
    expect(kept?.body).not.toContain('mj_agent_');
  });

  it('of a suspended agent are refused until it is active again', async () => {
    const { id, key } = await createTestAgent(admin);
    const setStatus = (status: string) => admin.send('PATCH', `/v1/agents/${id}`, JSON.stringify({ status }));
    for (const status of ['suspended', 'archived']) {
      await setStatus(status);
      expect((await as(key).get('/v1/me')).body.code).toBe('auth.credentials.invalid');
      await setStatus('active');
      expect((await as(key).get('/v1/me')).status).toBe(200);
    }
  });

  it('changed by hand in psql are changed for the gateway', async () => {
    const { id, key, name } = await createTestAgent(admin);
    const [made] = await platform.database.query<{ key: string }>(
      "SELECT auth.generate_agent_api_key($1, interval '1 hour') AS key",
      [name],
    );
    expect((await as(made?.key ?? '').get('/v1/me')).status).toBe(200);
    expect((await as(key).get('/v1/me')).status).toBe(200);
    const { keys } = dataOf<AgentWithKeys>(await admin.get(`/v1/agents/${id}`));
    await platform.database.query('SELECT auth.revoke_agent_api_key($1)', [keys[0]?.id]);
    await until('the revocation', async () => (await as(key).get('/v1/me')).status === 401);
    expect((await as(made?.key ?? '').get('/v1/me')).status).toBe(200);
    await platform.database.query("SELECT auth.grant_agent_skill($1, 'system_admin')", [id]);
    await until('the grant', async () => (await as(made?.key ?? '').get('/v1/audit')).status === 200);
    const audit = await admin.get(`/v1/audit?targetId=${id}`);
    const byHand = dataOf<AuditRow[]>(audit).filter(({ reason }) => reason === 'by hand');
    expect(byHand.map(({ action }) => action)).toEqual(['agent.set_skills', 'agent.revoke_key', 'agent.rotate_key']);
    expect(byHand[0]?.userAgent).toBe('psql postgres');
  });
});

describe('signatures', () => {
  const path = '/v1/agents';
  const newSecret = async (id: string, params: object = {}) =>
    dataOf<{ secret: string }>(await admin.post(`/v1/agents/${id}/signing-secret`, params)).secret;
  const body = () => JSON.stringify({ name: `signed ${Math.random()}`, type: 'tool', rateLimitRpm: 1 });
  const signer = async () => {
    const { id, key } = await createTestAgent(admin, { skills: ['agent_manage'] });
    return { id, agent: as(key), secret: await newSecret(id) };
  };
  const code = ({ status, body: answer }: Answer) => (status < 300 ? status : `${status} ${answer.code}`);

  it('are asked of what changes something, on every door, and of nothing else', async () => {
    const { agent, secret } = await signer();
    const text = body();
    expect(code(await agent.send('POST', path, text))).toBe('401 auth.signature.missing');
    expect(code(await agent.send('POST', path, text, signatureHeaders(secret, 'POST', path, text)))).toBe(201);
    expect(code(await agent.get('/v1/agents?limit=1'))).toBe(200);
    const envelope = JSON.stringify({ action: 'agent.create', params: JSON.parse(body()) as object });
    const door = '/functions/v1/api-gateway';
    expect(code(await agent.send('POST', door, envelope))).toBe('401 auth.signature.missing');
    expect(code(await agent.send('POST', door, envelope, signatureHeaders(secret, 'POST', door, envelope)))).toBe(201);
    const list = JSON.stringify({ action: 'agent.list' });
    expect(code(await agent.send('POST', door, list))).toBe(200);
    // A read that is signed must be signed well.
    expect(code(await agent.get(path, signatureHeaders('wrong', 'GET', path)))).toBe('401 auth.signature.invalid');
    // The duty to sign comes before the capability.
    expect(code(await agent.post('/v1/workflows', {}))).toBe('401 auth.signature.missing');
  });

  it('cover the raw bytes, the method, the path and its query', async () => {
    const { agent, secret } = await signer();
    const text = body();
    const sent = (method: string, at: string, signed: string) => signatureHeaders(secret, method, at, signed);
    for (const headers of [
      sent('PUT', path, text),
      sent('POST', `${path}?a=1`, text),
      sent('POST', '/v1/actions', text),
      sent('POST', path, `${text} `),
      sent('POST', path, JSON.stringify(JSON.parse(text), undefined, 1)),
      sent('POST', path, ''),
    ]) {
      expect(code(await agent.send('POST', path, text, headers))).toBe('401 auth.signature.invalid');
    }
    // The same JSON in other bytes.
    expect(code(await agent.send('POST', path, `${text} `, sent('POST', path, text)))).toBe(
      '401 auth.signature.invalid',
    );
  });

  it('are good within 300 seconds of now, once', async () => {
    const { agent, secret } = await signer();
    const at = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);
    const create = async (options: { timestamp?: string; nonce?: string }) => {
      const text = body();
      return code(await agent.send('POST', path, text, signatureHeaders(secret, 'POST', path, text, options)));
    };
    for (const seconds of [-310, 310]) {
      expect(await create({ timestamp: at(seconds) })).toBe('401 auth.signature.expired');
    }
    for (const seconds of [-280, 280]) expect(await create({ timestamp: at(seconds) })).toBe(201);
    const nonce = `nonce-${Math.random()}`;
    expect(await create({ nonce })).toBe(201);
    expect(await create({ nonce })).toBe('401 auth.signature.replayed');
    // A forger without the secret spends nobody's nonce.
    const wanted = `wanted-${Math.random()}`;
    const text = body();
    const forged = signatureHeaders('guess', 'POST', path, text, { nonce: wanted });
    expect(code(await agent.send('POST', path, text, forged))).toBe('401 auth.signature.invalid');
    expect(await create({ nonce: wanted })).toBe(201);
    // Nor does another agent.
    const other = await signer();
    const theirs = signatureHeaders(other.secret, 'POST', path, text, { nonce });
    expect(code(await other.agent.send('POST', path, text, theirs))).toBe(201);
  });

  it('of 50 requests with one nonce at once let one through', async () => {
    const { agent, secret } = await signer();
    const text = body();
    const headers = signatureHeaders(secret, 'POST', path, text);
    const answers = await Promise.all(Array.from({ length: 50 }, () => agent.send('POST', path, text, headers)));
    expect(answers.map(code).filter((one) => one === 201)).toHaveLength(1);
    expect(answers.map(code).filter((one) => one === '401 auth.signature.replayed')).toHaveLength(49);
  });

  it('go on with the old secret for its grace, and end when they are revoked', async () => {
    const { id, agent, secret } = await signer();
    const create = async (by: string) => {
      const text = body();
      return code(await agent.send('POST', path, text, signatureHeaders(by, 'POST', path, text)));
    };
    const second = await newSecret(id, { graceSeconds: 3600 });
    expect([await create(secret), await create(second)]).toEqual([201, 201]);
    const third = await newSecret(id, { graceSeconds: 0 });
    expect([await create(second), await create(third)]).toEqual(['401 auth.signature.invalid', 201]);
    const revoked = await admin.post(`/v1/agents/${id}/signing-secret`, { revoke: true });
    expect(revoked.body.data).toEqual({ secret: null });
    expect(code(await agent.send('POST', path, body()))).toBe(201);
    const both = await admin.post(`/v1/agents/${id}/signing-secret`, { revoke: true, graceSeconds: 1 });
    expect(both.body.errors?.map((error) => error.path)).toEqual(['graceSeconds']);
  });

  it('can be made, rotated and revoked in psql, for the same gateway', async () => {
    const { id, key } = await createTestAgent(admin, { skills: ['agent_manage'] });
    const run = async (call: string) =>
      (await platform.database.query<{ secret: string }>(`SELECT auth.${call} AS secret`, [id]))[0]?.secret ?? '';
    const create = async (by: string) => {
      const text = body();
      return code(await as(key).send('POST', path, text, signatureHeaders(by, 'POST', path, text)));
    };
    const first = await run('generate_signing_secret($1)');
    await until(
      'the duty to sign',
      async () => code(await as(key).send('POST', path, body())) === '401 auth.signature.missing',
    );
    expect(await create(first)).toBe(201);
    await expect(run('generate_signing_secret($1)')).rejects.toThrow('rotate_signing_secret');
    const second = await run("rotate_signing_secret($1, interval '0')");
    await until('the end of the first', async () => (await create(first)) === '401 auth.signature.invalid');
    expect(await create(second)).toBe(201);
    await run('revoke_signing_secret($1)');
    await until('the end of the duty', async () => code(await as(key).send('POST', path, body())) === 201);
  });
});

describe('the audit log', () => {
  const read = async (query: string) => dataOf<AuditRow[]>(await admin.get(`/v1/audit?${query}`));

  it('says who changed what from what to what, and is found by every field and by words', async () => {
    const { id } = await createTestAgent(admin, { name: 'Aardvark', description: 'digs' });
    const requestId = `audited-${id}`;
    const headers = { 'x-request-id': requestId, 'user-agent': 'spade/1.0' };
    await admin.send('PATCH', `/v1/agents/${id}`, '{"description": "sleeps"}', headers);
    const [row] = await until('the row', async () => {
      const rows = await read(`requestId=${requestId}`);
      return rows.length > 0 && rows;
    });
    const { id: adminId } = dataOf<Agent>(await admin.get('/v1/me'));
    expect(row).toMatchObject({
      agentId: adminId,
      action: 'agent.update',
      targetType: 'agent',
      targetId: id,
      decision: 'allowed',
      before: { description: 'digs' },
      after: { description: 'sleeps' },
      ip: '127.0.0.1',
      userAgent: 'spade/1.0',
      requestId,
    });
    expect(row?.traceId).toMatch(/^[0-9a-f]{32}$/);
    const at = row?.at ?? '';
    for (const query of [
      `targetId=${id}&action=agent.update`,
      `agentId=${adminId}&action=agent.update&targetId=${id}`,
      `search=sleeps`,
      `search=spade%2F1.0&decision=allowed`,
      `since=${at}&targetId=${id}`,
    ]) {
      expect((await read(query)).map((found) => found.id)).toEqual([row?.id]);
    }
    expect((await read(`until=${at}&targetId=${id}`)).map(({ action }) => action)).toEqual(['agent.create']);
    expect(await read('search=nonexistentword')).toEqual([]);
  });

  it('has pages that neither repeat nor leave out a row', async () => {
    const { id, key } = await createTestAgent(admin);
    for (let i = 0; i < 25; i++) await as(key).get('/v1/agents');
    const all = await until('the rows of 25 refusals', async () => {
      const rows = await read(`agentId=${id}&limit=200`);
      return rows.length === 25 && rows;
    });
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await admin.get(`/v1/audit?agentId=${id}&limit=7${cursor}`);
      seen.push(...dataOf<AuditRow[]>(page).map((row) => row.id));
      cursor = page.body.page?.nextCursor ? `&cursor=${page.body.page.nextCursor}` : '';
    } while (cursor !== '');
    expect(seen).toEqual(all.map((row) => row.id));
  });

  it.each(['since=yesterday', 'until=2026-W48', 'since=0000-01-01', 'since=%2B012026-01-01T00:00:00Z', 'cursor=x'])(
    'refuses %s',
    async (query) => {
      const answer = await admin.get(`/v1/audit?${query}`);
      expect(answer.body.code).toBe('request.invalid');
    },
  );
});

describe('failed authentications', () => {
  it('are limited by client address, and keep nobody out who has a good key', async () => {
    const limited = await startTestPlatform('one process', { FAILED_AUTHENTICATIONS_PER_MINUTE: '5' });
    const good = new TestClient(limited.gateway, limited.keys.OpenClaw ?? '');
    expect((await good.get('/v1/me')).status).toBe(200);
    const bad = new TestClient(limited.gateway, 'mj_agent_wrong');
    const statuses = [];
    for (let i = 0; i < 8; i++) statuses.push((await bad.get('/v1/me')).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    const refused = await bad.get('/v1/me');
    expect(refused.body.code).toBe('auth.attempts.too-many');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await good.get('/v1/me')).status).toBe(200);
    await limited.stop();
  });
});
