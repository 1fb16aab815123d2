import { API, paramsOf, type ActionDescription } from '@agent-platform/api-description';
import type { JsonObject } from '@agent-platform/contracts';
import { capturedIo } from '../captured-io';
import { COMMON_NAMES } from '../common-options';
import { buildProgram } from '../program';
import { runCli } from '../run-cli';
import { Session } from '../session';
import { wordsOf } from './action-commands';
import { kebab, paramsOfCommand, type Options } from './action-params';
import { kindOf } from './param-kind';

const each = API.actions.map((action): [string, ActionDescription] => [action.name, action]);

it.each(each)('%s has a command whose help tells each of its params', async (name, action) => {
  const io = capturedIo();
  expect(await runCli([...wordsOf(name), '--help'], io)).toBe(0);
  expect(io.err()).toBe('');
  for (const param of paramsOf(action))
    expect(io.out()).toContain(param.in === 'path' ? `<${kebab(param.name)}>` : `--${kebab(param.name)}`);
});

it.each(each)('%s has no param that hides an option of all commands', (_name, action) => {
  const names = paramsOf(action).map(({ name }) => name);
  expect(names.filter((name) => COMMON_NAMES.includes(name))).toEqual([]);
});

it.each(each)('%s takes its example from the command line', async (_name, action) => {
  expect(await given(action, argvOf(action, action.example))).toEqual(action.example);
});

it('takes every param of every action, of any value that its schema allows', async () => {
  for (const action of API.actions) {
    const values = Object.fromEntries(paramsOf(action).map(({ name, schema }) => [name, sampleOf(kindOf(schema))]));
    expect(await given(action, argvOf(action, values as JsonObject))).toEqual(values);
  }
});

it('lets options outrank --request, and takes what is in the path from it', async () => {
  const action = API.actions.find(({ name }) => name === 'workflow.execute') as ActionDescription;
  const argv = ['workflow', 'execute', '--request', '{"id": "w1", "version": 1}', '--version', '2', '--no-dry-run'];
  expect(await given(action, argv)).toEqual({ id: 'w1', version: 2, dryRun: false });
});

it.each([
  [['run', 'list', '--limit', 'ten'], '--limit must be a whole number, and is "ten"'],
  [['run', 'list', '--status', 'odd'], '--status must be one of pending, running'],
  [['agent', 'create', '--name', 'x'], 'Missing --type.'],
  [['run', 'get'], 'Missing <id>.'],
  [['run', 'get', ''], 'Missing <id>.'],
  [['event', 'emit', '--type', 'a.b', '--data', '{'], '--data must be JSON, @file with JSON, or -'],
  [['event', 'emit', '--type', 'a.b', '--data', '@/nowhere'], '/nowhere cannot be read (ENOENT)'],
  [['event', 'emit', '--request', '[]'], '--request must be a JSON object'],
  [['run', 'get', 'r1', 'r2'], 'Too many arguments'],
  [['run', 'list', '--nope'], "Unknown option '--nope'"],
  [['run', 'lst'], 'Did you mean list?'],
  [['nope'], "Unknown command 'nope'"],
])('%j is wrong usage: %s', async (argv, message) => {
  const io = capturedIo({ AGENTCTL_KEY: 'mj_agent_x' });
  expect(await runCli(argv, io)).toBe(2);
  expect(io.err()).toContain(message);
  expect(io.out()).toBe('');
});

/** The params that a command line stands for. */
async function given(action: ActionDescription, argv: readonly string[]): Promise<unknown> {
  const session = new Session(capturedIo());
  const program = buildProgram(session);
  const command = program.commands
    .find((noun) => noun.name() === argv[0])
    ?.commands.find((verb) => verb.name() === argv[1]);
  let values: unknown;
  command?.action(async (...passed: unknown[]) => {
    const words = passed.slice(0, -2) as string[];
    values = await paramsOfCommand(paramsOf(action), words, passed.at(-2) as Options, session);
  });
  await program.parseAsync(argv, { from: 'user' });
  return values;
}

function argvOf(action: ActionDescription, values: JsonObject): string[] {
  const params = paramsOf(action).filter(({ name }) => values[name] !== undefined);
  const words = params.filter((param) => param.in === 'path').map(({ name }) => values[name] as string);
  const options = params
    .filter((param) => param.in !== 'path')
    .flatMap(({ name, schema }) => {
      const { kind } = kindOf(schema);
      const value = values[name];
      if (kind === 'boolean') return [value === true ? `--${kebab(name)}` : `--no-${kebab(name)}`];
      const text = typeof value === 'string' && kind !== 'json' ? value : JSON.stringify(value);
      return [`--${kebab(name)}=${text}`];
    });
  return [...wordsOf(action.name), ...options, '--', ...words];
}

function sampleOf({ kind, choices, item }: ReturnType<typeof kindOf>): unknown {
  if (kind === 'choice') return choices?.at(-1);
  if (kind === 'list') return item ? [sampleOf(item), sampleOf(item)] : [];
  return { text: '-a "b" $c', integer: 7, number: 0.5, boolean: false, json: { a: [1, null] } }[kind];
}
