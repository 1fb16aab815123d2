import { ACTIONS, createWorkflow, executeWorkflow, listWorkflows, scheduleWorkflow } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { getMetadataStorage, IS_OPTIONAL } from 'class-validator';
import { readParams } from './read-params';

const ID = '01938f9e-7c1e-7000-8000-000000000001';
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function failureOf(work: () => unknown): { code: string; paths: string[] } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, paths: [...new Set((error.options.errors ?? []).map(({ path }) => path))] };
  }
  return { code: 'none', paths: [] };
}

describe('readParams', () => {
  it('puts path, query and body together, and reads query values as their types', () => {
    const request = readParams(
      executeWorkflow,
      { pathParams: { id: ID }, queryParams: { wait: '30' } },
      bytes({ input: { a: 1 } }),
    );
    expect(request).toMatchObject({ id: ID, wait: 30, input: { a: 1 } });
    expect(request).toBeInstanceOf(executeWorkflow.request);
  });

  it('leaves free JSON as it was sent, whatever its keys are called', () => {
    const text = '{"definition": {"constructor": 1, "__proto__": {"a": 1}, "steps": [{"toString": null}]}}';
    const { definition } = readParams(createWorkflow, {}, bytes(text));
    expect(JSON.stringify(definition)).toBe('{"constructor":1,"__proto__":{"a":1},"steps":[{"toString":null}]}');
  });

  it('refuses a body that contradicts the URL', () => {
    const body = bytes({ id: ID.replace('1', '2') });
    expect(failureOf(() => readParams(executeWorkflow, { pathParams: { id: ID } }, body))).toEqual({
      code: 'request.invalid',
      paths: ['id'],
    });
  });

  it.each<[string, string, string, string[]]>([
    ['text that is no JSON', '{', 'request.malformed', []],
    ['a list', '[1]', 'request.malformed', []],
    ['200 levels', `{"b":"{[","a":${'{"c":'.repeat(200)}1${'}'.repeat(200)}}`, 'request.invalid', ['a']],
    ['200 levels of lists', `${'['.repeat(200)}1${']'.repeat(200)}`, 'request.invalid', ['(body)']],
    ['an unknown field', '{"extra": 1}', 'request.invalid', ['extra']],
    ['a prototype name', '{"__proto__": {"limit": 1}}', 'request.invalid', ['__proto__']],
    ['a wrong type', '{"limit": "1"}', 'request.invalid', ['limit']],
    ['NUL', '{"search": "a\\u0000"}', 'request.invalid', ['search']],
    ['half a surrogate pair', '{"search": "\\uD83D"}', 'request.invalid', ['search']],
  ])('refuses %s', (_what, body, code, paths) => {
    expect(failureOf(() => readParams(listWorkflows, {}, bytes(body)))).toEqual({ code, paths });
  });

  it('takes an optional field that is null for one that is not given, of every action', () => {
    for (const action of ACTIONS) {
      const fields = getMetadataStorage()
        .getTargetValidationMetadatas(action.request, '', false, false)
        .filter(({ name }) => name === IS_OPTIONAL)
        .map(({ propertyName }) => propertyName)
        .filter((field) => !(field in action.example));
      const nulls = Object.fromEntries(fields.map((field) => [field, null]));
      expect({ ...readParams(action, {}, bytes({ ...action.example, ...nulls })) }).toEqual(action.example);
    }
    // Where null means something it stays.
    expect(readParams(scheduleWorkflow, {}, bytes({ id: ID, cron: null })).cron).toBeNull();
  });

  it('does not take brackets inside a string for nesting', () => {
    expect(readParams(listWorkflows, {}, bytes({ search: '['.repeat(150) }))).toMatchObject({
      search: '['.repeat(150),
    });
    expect(readParams(listWorkflows, {}, bytes({ search: `\\"${'{'.repeat(150)}` }))).toBeDefined();
  });
});
