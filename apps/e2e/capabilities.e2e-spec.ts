import { ACTIONS, CAPABILITY_NAMES, type ActionDefinition, type Capability } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  TestClient,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';

let platform: TestPlatform;
/** An agent for each capability that holds it alone, and one that holds none. */
const clients = new Map<Capability | null, TestClient>();

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  for (const capability of [...CAPABILITY_NAMES, null]) {
    const { key } = await createTestAgent(admin, { skills: capability ? [capability] : [] });
    clients.set(capability, new TestClient(platform.gateway, key));
  }
});
afterAll(() => platform?.stop());

/** The example of an action as a REST request: what its path has no place for is its query or body. */
function overRest(client: TestClient, { http, example }: ActionDefinition): Promise<Answer> {
  const rest = new Map(Object.entries(example));
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const path = http.path.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = text(rest.get(name));
    rest.delete(name);
    return encodeURIComponent(value);
  });
  if (http.method !== 'GET' && http.method !== 'DELETE') {
    return client.send(http.method, path, JSON.stringify(Object.fromEntries(rest)));
  }
  const query = new URLSearchParams([...rest].map(([name, value]): [string, string] => [name, text(value)])).toString();
  return client.send(http.method, query ? `${path}?${query}` : path);
}

const DOORS: readonly (readonly [string, (client: TestClient, action: ActionDefinition) => Promise<Answer>])[] = [
  ['REST', overRest],
  ['envelope', (client, { name, example }) => client.action(name, example)],
];

it.each(DOORS)('%s allows each action exactly to those who hold its capability', async (_door, call) => {
  const found: string[] = [];
  const expected: string[] = [];
  for (const action of ACTIONS) {
    for (const [held, client] of clients) {
      const { status, body } = await call(client, action);
      // A service may refuse too, for what the action gives; the door refuses for what it needs.
      const isRefused = status === 403 && body.missingCapability === action.capability;
      const outcome = isRefused ? `refused for ${action.capability}` : 'allowed';
      // Behind the gateway an action may fail for its own reasons, never for its form and never as unknown.
      expect([status, body.code]).not.toEqual([422, 'request.invalid']);
      expect([401, 405, 500].includes(status) || body.code === 'action.unknown').toBe(false);
      found.push(`${action.name} by ${held}: ${outcome}`);
      const isAllowed = action.capability === null || action.capability === held;
      expected.push(`${action.name} by ${held}: ${isAllowed ? 'allowed' : `refused for ${action.capability}`}`);
    }
  }
  expect(found).toEqual(expected);
  expect(found).toHaveLength(46 * 15);
});

it('is what capability_definitions says', async () => {
  const rows = await platform.database.query<{ name: string; category: string; actions: string[] }>(
    'SELECT name, category, actions FROM auth.capability_definitions ORDER BY name',
  );
  const expected = [...CAPABILITY_NAMES].sort().map((name) => ({
    name,
    category: name === 'system_admin' ? 'system' : name.split('_')[0],
    actions: ACTIONS.filter(({ capability }) => capability === name).map((action) => action.name),
  }));
  expect(rows).toEqual(expected);
  expect(rows.flatMap(({ actions }) => actions)).toHaveLength(42);
});
