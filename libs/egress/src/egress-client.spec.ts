import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EgressClient, type EgressRequest } from './egress-client';

const servers: Server[] = [];
const clients: EgressClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  servers.splice(0).forEach((server) => {
    server.close();
    server.closeAllConnections();
  });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clientWith(options: ConstructorParameters<typeof EgressClient>[0] = { allow: ['127.0.0.0/8'] }): EgressClient {
  const client = new EgressClient(options);
  clients.push(client);
  return client;
}

const get = (url: string, more: Partial<EgressRequest> = {}): EgressRequest => ({
  method: 'GET',
  url,
  timeoutMs: 2000,
  ...more,
});
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  );

describe('EgressClient', () => {
  it('sends method, query, headers and body, and gives back status, headers and body', async () => {
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        response.writeHead(201, { 'x-answer': 'yes' });
        response.end([request.method, request.url, request.headers['x-mine'], body].join(' '));
      });
    });
    const answer = await clientWith().request({
      ...get(`${url}/a`),
      method: 'POST',
      query: { q: 'ä b' },
      headers: { 'X-Mine': '1' },
      body: 'hello',
    });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-answer': 'yes' } });
    expect(answer.body.toString()).toBe('POST /a?q=%C3%A4+b 1 hello');
  });

  it('ends a peer that drips, one that never answers and one that sends too much', async () => {
    const drip = await serve((_request, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const silent = await serve(() => undefined);
    const flood = await serve((_request, response) => {
      const more = () => void (response.destroyed || response.write(Buffer.alloc(256 * 1024), more));
      more();
    });
    const client = clientWith();
    expect(await codeOf(client.request(get(drip, { timeoutMs: 200 })))).toBe('egress.timeout');
    expect(await codeOf(client.request(get(silent, { timeoutMs: 200 })))).toBe('egress.timeout');
    expect(await codeOf(client.request(get(flood)))).toBe('egress.response.too-large');
  });

  it('tells a connection that broke, where the peer may have acted, from one that was never there', async () => {
    const reset = await serve((request) => request.socket.resetAndDestroy());
    const client = clientWith();
    expect(await codeOf(client.request(get(reset)))).toBe('egress.connection.lost');
    expect(await codeOf(client.request(get('http://127.0.0.1:1')))).toBe('egress.connection.failed');
  });

  it('stops at once when it is told to', async () => {
    const silent = await serve(() => undefined);
    const abort = new AbortController();
    const answer = clientWith().request(get(silent, { signal: abort.signal }));
    abort.abort(new Error('cancelled'));
    await expect(answer).rejects.toThrow('cancelled');
  });

  it('follows redirects, without credentials to another origin, and refuses one to a special address', async () => {
    const other = await serve((request, response) => response.end(JSON.stringify(request.headers)));
    const url = await serve((request, response) => {
      const to = request.url === '/out' ? other : request.url === '/metadata' ? 'http://169.254.169.254/' : '/loop';
      response.writeHead(302, { location: to }).end();
    });
    const client = clientWith();
    const headers = {
      authorization: 'Bearer secret',
      'x-api-key': 'secret',
      'private-token': 'secret',
      'accept-language': 'kept',
    };
    const { body } = await client.request(get(`${url}/out`, { headers }));
    expect(body.toString()).not.toContain('secret');
    expect(body.toString()).toContain('kept');
    expect(await codeOf(client.request(get(`${url}/metadata`)))).toBe('egress.address.forbidden');
    expect(await codeOf(client.request(get(`${url}/loop`)))).toBe('egress.redirects.too-many');
  });

  it('tells bad redirects, methods and endless timeouts from failures of the peer', async () => {
    const url = await serve((_request, response) => void response.writeHead(302, { location: 'http://[bad' }).end());
    const client = clientWith();
    expect(await codeOf(client.request(get(url)))).toBe('egress.url.invalid');
    const fine = await serve((_request, response) => response.end());
    expect(await codeOf(client.request(get(fine, { timeoutMs: 2 ** 40 })))).toBe('answered');
    for (const method of ['GE T', 'CONNECT', 'TRACE', 'get', '']) {
      expect(await codeOf(client.request(get(fine, { method })))).toBe('step.input.invalid');
    }
  });

  it.each(['file:///etc/passwd', 'ftp://example.com', 'example.com', 'http://user:pw@example.com', '', 'javascript:1'])(
    'refuses the URL %p',
    async (url) => {
      expect(await codeOf(clientWith().request(get(url)))).toBe('egress.url.invalid');
    },
  );

  it.each([
    { host: 'a' },
    { 'Content-Length': '5' },
    { 'x-a': 'b\r\nc: d' },
    { 'x a': 'b' },
    { 'transfer-encoding': 'chunked' },
  ])('refuses the headers %j', async (headers) => {
    expect(await codeOf(clientWith().request(get('http://127.0.0.1:1', { headers: headers as never })))).toBe(
      'step.input.invalid',
    );
  });

  it('reads what operators allow and deny, and names an entry that it cannot read', () => {
    expect(() => clientWith({ allow: ['10.0.0.0/8', '::1', '*.internal.example', 'host.example'] })).not.toThrow();
    for (const bad of ['10.0.0.0/33', '10.0.0', 'not a host', '300.1.1.1']) {
      expect(() => clientWith({ allow: [bad] })).toThrow(`"${bad}" is not a network`);
    }
  });
});

describe('what operators deny', () => {
  it('knows a denied name by any number of dots behind it', async () => {
    const denying = clientWith({ deny: ['evil.example'], lookup: (() => undefined) as never });
    for (const url of ['http://evil.example', 'http://evil.example.', 'http://EVIL.example../']) {
      expect(await codeOf(denying.request(get(url)))).toMatch(/^egress\.(address\.forbidden|url\.invalid)$/);
    }
  });

  it('denies what is denied although it is allowed, by name and by address', async () => {
    const client = clientWith({ allow: ['127.0.0.0/8'], deny: ['127.0.0.2', 'bad.example'] });
    expect(await codeOf(client.request(get('http://127.0.0.2')))).toBe('egress.address.forbidden');
    expect(await codeOf(client.request(get('http://bad.example')))).toBe('egress.address.forbidden');
  });
});
