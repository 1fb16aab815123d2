import { CAPABILITY_NAMES, WORKFLOW_DEFINITION_SCHEMA, type JsonObject } from '@agent-platform/contracts';
import { createClient, type AgentPlatform, type RunWithSteps, type Worker } from '@agent-platform/client';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  until,
  type Peer,
  type TestPlatform,
} from '@agent-platform/testing';
import Ajv2020 from 'ajv/dist/2020';
import { buildSchema, parse, validate } from 'graphql';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readBlocks, type Block } from './docs-blocks';

// Every code block of README.md and docs/*.md that can run is run, as a reader would: the shell commands of a page one after the other in one
// shell, its JavaScript as one module. A block that cannot run says why, in the words behind its language (docs/development.md).

const ROOT = join(__dirname, '../..');
const PAGES = readBlocks(ROOT);
const ALL = [...PAGES.values()].flat();
/** Packages that examples import. */
const PACKAGES = ['graphql', 'graphql-ws', 'ws', 'jose', 'nats', 'nkeys.js', 'tweetnacl'];
const PAGE_TIMEOUT_MS = 60_000;

let platform: TestPlatform;
let admin: TestClient;
let folder: string;
/** The agent that answers the example of the step `agent`. */
let calculator: Promise<Worker> | undefined;

beforeAll(async () => {
  // Webhook addresses name the port that the platform was told.
  platform = await startTestPlatform('one process', { PORT: String(await freePort()) });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  folder = mkdtempSync(join(tmpdir(), 'docs-'));
});
afterAll(async () => {
  await (await calculator)?.stop();
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A folder as a reader has it after `npm start`, with an agent of the page's own in place of OpenClaw, so that names of pages do not collide. */
async function readersFolder(page: string): Promise<{ cwd: string; key: string; replace: (text: string) => string }> {
  const cwd = join(folder, page.replaceAll('/', '-'));
  mkdirSync(join(cwd, '.data'), { recursive: true });
  mkdirSync(join(cwd, 'node_modules/@agent-platform'), { recursive: true });
  symlinkSync(join(ROOT, 'dist/client'), join(cwd, 'node_modules/@agent-platform/client'));
  for (const name of PACKAGES) symlinkSync(join(ROOT, 'node_modules', name), join(cwd, 'node_modules', name));
  symlinkSync(join(ROOT, 'docs'), join(cwd, 'docs'));
  const { key } = await createTestAgent(admin, { skills: [...CAPABILITY_NAMES] });
  writeFileSync(join(cwd, '.data/keys.json'), JSON.stringify({ ...platform.keys, OpenClaw: key }));
  const urls = { gateway: platform.gateway, postgres: platform.database.url, nats: platform.tapUrl };
  writeFileSync(join(cwd, '.data/urls.json'), JSON.stringify(urls));
  // Servers that a page starts for itself get ports that are free.
  const ports = new Map<string, number>();
  for (const port of new Set((PAGES.get(page) ?? []).flatMap(({ text }) => text.match(/\b80[89]\d\b/g) ?? []))) {
    ports.set(port, await freePort());
  }
  const replace = (text: string) =>
    text
      .replaceAll('http://127.0.0.1:3000', platform.gateway)
      .replaceAll('ws://127.0.0.1:3000', platform.gateway.replace('http', 'ws'))
      .replace(/\b80[89]\d\b/g, (port) => String(ports.get(port) ?? port));
  return { cwd, key, replace };
}

/** Runs a program to its end. @throws Error with the page, the block and what was printed */
async function run(command: string, args: readonly string[], cwd: string, env: Record<string, string>): Promise<void> {
  const child = spawn(command, args, { cwd, detached: true, env: { PATH: process.env.PATH, HOME: cwd, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString('utf8')));
  const endAll = () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // All have ended.
    }
  };
  const timer = setTimeout(endAll, PAGE_TIMEOUT_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  endAll();
  if (code !== 0)
    throw new Error(
      `ended with ${code}; the last block that began is that of line ${output.split('@@@ ').at(-1) ?? ''}`,
    );
}

const isShell = ({ language }: Block) => ['sh', 'bash'].includes(language);
const isScript = ({ language }: Block) => ['js', 'mjs'].includes(language);
const runs = ({ noRun }: Block) => noRun === undefined;

/** What never ends is ended after its time; one that ends before, as it was refused, fails. */
function shellOf({ line, text, timeoutSeconds, refusal }: Block): string {
  const ended = `( ${text} ) & pid=$!\nsleep ${timeoutSeconds}\nkill $pid`;
  const refused = `if ( ${text} ) > refusal 2>&1; then echo 'it was not refused'; exit 1; fi\ncat refusal; grep -qF '${refusal}' refusal`;
  return `echo '@@@ ${line}'\n${refusal !== undefined ? refused : timeoutSeconds === undefined ? text : ended}\n`;
}

const PRELUDE = `set -e -o pipefail
curl() { command curl --fail-with-body -sS "$@"; }
npx() { node "$AGENTCTL" "\${@:2}"; }
`;

it('has pages, each of whose blocks says what it is', () => {
  expect(PAGES.size).toBeGreaterThan(10);
  const known = ['sh', 'bash', 'js', 'mjs', 'json', 'graphql', 'sql', 'text', 'yaml', ''];
  const odd = ALL.filter(({ language }) => !known.includes(language));
  expect(odd.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
  const counted = (choose: (block: Block) => boolean) => ALL.filter((block) => choose(block) && runs(block)).length;
  // More run than not: where that is no longer so, pages have become stories.
  expect(counted(isShell)).toBeGreaterThan(40);
  expect(counted(isShell)).toBeGreaterThan(2 * ALL.filter((block) => isShell(block) && !runs(block)).length);
});

it('leads to pages and headings that are there', () => {
  const headings = (page: string) => {
    const texts = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
    return texts.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  };
  const broken = [...PAGES.keys()].flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^ *```[\s\S]*?^ *```$/gm, '');
    const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    return links.flatMap(([, path = '', anchor]) => {
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return [`${page}: ${path}`];
      const isThere = anchor === undefined || !target.endsWith('.md') || headings(target).includes(anchor);
      return isThere ? [] : [`${page}: ${path}#${anchor}`];
    });
  });
  expect(broken).toEqual([]);
});

const withCommands = [...PAGES.keys()].filter((page) =>
  PAGES.get(page)?.some((block) => isShell(block) && runs(block)),
);
const withScripts = [...PAGES.keys()].filter((page) =>
  PAGES.get(page)?.some((block) => isScript(block) && runs(block)),
);

it.each(withCommands)('%s: its commands', async (page) => {
  const { cwd, replace } = await readersFolder(page);
  const blocks = (PAGES.get(page) ?? []).filter((block) => isShell(block) && runs(block));
  writeFileSync(join(cwd, 'page.sh'), PRELUDE + replace(blocks.map(shellOf).join('')));
  await run('bash', ['page.sh'], cwd, { AGENTCTL: join(ROOT, 'dist/apps/cli/main.js') });
});

it.each(withScripts)('%s: its scripts', async (page) => {
  const { cwd, key, replace } = await readersFolder(`${page}-scripts`);
  const blocks = (PAGES.get(page) ?? []).filter((block) => isScript(block) && runs(block));
  const text = blocks.map((block) => `console.log('@@@ ${block.line}');\n${block.text}`).join('\n');
  writeFileSync(join(cwd, 'page.mjs'), replace(text));
  await run(process.execPath, ['page.mjs'], cwd, { KEY: key, URL: platform.gateway });
});

describe('JSON', () => {
  const definition = new Ajv2020({ strict: false }).compile(WORKFLOW_DEFINITION_SCHEMA);
  const blocks = ALL.filter((block) => block.language === 'json' && runs(block));

  it.each(blocks.map((block) => [`${block.page}:${block.line}`, block] as const))('%s', async (_name, block) => {
    const value = JSON.parse(block.text) as JsonObject;
    const isStep = typeof value.type === 'string' && typeof value.id === 'string' && 'with' in value;
    if (!Array.isArray(value.steps) && !isStep) return;
    const shown = isStep ? { steps: [value] } : value;
    expect([definition(shown), definition.errors]).toEqual([true, null]);
    const { key } = await createTestAgent(admin, { skills: [...CAPABILITY_NAMES] });
    const client = createClient({ url: platform.gateway, key });
    const peer = block.input ? await world(client, key) : undefined;
    const text = JSON.stringify({ name: 'shown', ...shown }).replaceAll('http://127.0.0.1:8080', peer?.url ?? '$&');
    const { id } = await client.workflow.create({ definition: JSON.parse(text) as JsonObject });
    if (!block.input) return;
    const { id: runId } = await client.workflow.execute({ id, input: block.input });
    const ended = await until('the end of the run', () => moveOn(client, runId));
    expect([ended.status, ended.error?.code]).toEqual(
      block.fails ? ['failed', 'step.expression.failed'] : ['completed', undefined],
    );
    if (!block.fails) expect(ended.output).not.toBeNull();
    else
      await until(
        'what was undone',
        async () => (await client.event.list({ type: 'room.cancelled' })).data.length === 1,
      );
    await peer?.stop();
  });
});

/** What the examples of workflows take for granted: an API, an integration of it, another workflow, and an agent that answers. */
async function world(client: AgentPlatform, key: string): Promise<Peer> {
  const peer = await startPeer((_request, response) =>
    response.setHeader('content-type', 'application/json').end('{"name": "Ada", "visits": 7}'),
  );
  await client.integration.create({
    name: 'crm',
    baseUrl: peer.url,
    authMethod: 'api_key',
    auth: { header: 'authorization' },
  });
  await client.integration.connect({ id: 'crm', apiKey: 'crm-key-1234567890' });
  const hello = { id: 'hello', type: 'transform', with: { value: 'Hello ${{ input.name }}' } };
  await client.workflow.create({ definition: { name: 'greet', steps: [hello], output: '${{ steps.hello.output }}' } });
  await new TestClient(platform.gateway, key).post('/v1/data/leads', { document: {} });
  calculator ??= startCalculator();
  await calculator;
  return peer;
}

async function startCalculator(): Promise<Worker> {
  const found = await admin.get('/v1/agents?search=Calculator');
  const [known] = found.body.data as unknown as { id: string }[];
  const { key } = known
    ? ((await admin.post(`/v1/agents/${known.id}/keys`, {})).body.data as unknown as { key: string })
    : await createTestAgent(admin, { name: 'Calculator' });
  return createClient({ url: platform.gateway, key }).work((_command, { proven: { payload } }) => ({
    sum: Number(payload.a) + Number(payload.b),
  }));
}

/** Gives a run what it waits for; the run once it has ended. */
async function moveOn(client: AgentPlatform, id: string): Promise<RunWithSteps | undefined> {
  const run = await client.run.get({ id });
  if (run.endedAt !== null) return run;
  for (const { id: stepId, type, status } of run.steps) {
    if (status !== 'waiting') continue;
    if (type === 'approval') {
      const asAdmin = createClient({ url: platform.gateway, key: platform.keys.OpenClaw ?? '' });
      await asAdmin.run.signal({ id, name: 'approve', payload: { stepId } }).catch(() => undefined);
    }
    if (stepId === 'paid') await client.run.signal({ id, name: 'paid', payload: { order: 'o-1' } });
    if (stepId === 'scored') await client.event.emit({ type: 'lead.scored', data: { points: 14 } });
  }
  return undefined;
}

it('GraphQL documents are valid', () => {
  const schema = buildSchema(readFileSync(join(ROOT, 'docs/schema.graphql'), 'utf8'));
  for (const { text } of ALL.filter((block) => block.language === 'graphql' && runs(block))) {
    expect(validate(schema, parse(text))).toEqual([]);
  }
});

it('docs/examples/watch-run.mjs', async () => {
  const { cwd, key } = await readersFolder('watch-run');
  writeFileSync(join(cwd, 'watch-run.mjs'), readFileSync(join(ROOT, 'docs/examples/watch-run.mjs')));
  await run(process.execPath, ['watch-run.mjs'], cwd, { KEY: key, URL: platform.gateway });
});
