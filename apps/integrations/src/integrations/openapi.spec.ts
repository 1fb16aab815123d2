import type { JsonObject } from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { readOpenApi } from './openapi';

const document = (paths: object, more: object = {}) => ({ openapi: '3.1.0', paths, ...more }) as unknown as JsonObject;
function read(doc: JsonObject) {
  const errors: FieldError[] = [];
  return { ...readOpenApi(doc, errors), errors: errors.map(({ path, message }) => `${path} ${message}`) };
}

describe('readOpenApi', () => {
  it('reads operations with their parameters, those of the path too, and follows references', () => {
    const doc = document(
      {
        '/leads/{id}': {
          parameters: [{ $ref: '#/components/parameters/Id' }, { name: 'q', in: 'query', required: true }],
          get: {
            operationId: 'getLead',
            summary: 'One lead',
            parameters: [{ name: 'q', in: 'query', explode: false }],
          },
          put: { operationId: 'putLead', requestBody: { $ref: '#/components/requestBodies/Lead' } },
          delete: {},
        },
      },
      {
        servers: [{ url: 'https://crm.example' }],
        components: {
          parameters: { Id: { name: 'id', in: 'path', required: true, schema: { type: 'integer' } } },
          requestBodies: { Lead: { required: true, content: { 'application/json': { schema: { type: 'object' } } } } },
        },
      },
    );
    const { serverUrl, operations, errors } = read(doc);
    expect(errors).toEqual([]);
    expect(serverUrl).toBe('https://crm.example');
    const id = { name: 'id', in: 'path', required: true, explode: false, schema: '/components/parameters/Id/schema' };
    expect(operations).toEqual([
      {
        operationId: 'getLead',
        method: 'GET',
        path: '/leads/{id}',
        summary: 'One lead',
        parameters: [id, { name: 'q', in: 'query', required: false, explode: false, schema: null }],
        body: null,
      },
      expect.objectContaining({
        operationId: 'putLead',
        body: { required: true, schema: '/components/requestBodies/Lead/content/application~1json/schema' },
      }),
    ]);
  });

  const get = (operation: object) => document({ '/x/{id}': { get: { operationId: 'a', ...operation } } });
  const id = { name: 'id', in: 'path' };

  it.each([
    ['Swagger 2.0', { swagger: '2.0' }, 'must be 3.0.x or 3.1.x'],
    ['no operation', document({}), 'must have an operation with an operationId'],
    ['a parameter of the path that is not there', get({}), 'has no parameter for {id}'],
    ['a parameter without a name', get({ parameters: [{ in: 'path' }] }), 'has a parameter without a name'],
    [
      'a cookie that is needed',
      get({ parameters: [id, { name: 'c', in: 'cookie', required: true }] }),
      'needs the cookie',
    ],
    [
      'a reference to another document',
      get({ parameters: [{ $ref: 'https://evil.example/x' }] }),
      'refers to https://evil.example/x',
    ],
    ['a reference to a file', get({ parameters: [{ $ref: 'file:///etc/passwd' }] }), 'refers to file:///etc/passwd'],
    ['a reference to nothing', get({ parameters: [{ $ref: '#/nowhere' }] }), 'cannot be found'],
    ['a reference to itself', get({ parameters: [{ $ref: '#/paths/~1x~1{id}/get/parameters/0' }] }), 'cannot be found'],
    ['a slow pattern', get({ parameters: [{ ...id, schema: { pattern: '(a+)+$' } }] }), 'could take very long'],
    ['an id with blanks', get({ operationId: 'a b', parameters: [id] }), 'operationId'],
    [
      'an id twice',
      document({ '/x': { get: { operationId: 'a' }, put: { operationId: 'a' } } }),
      'has the operationId a more than once',
    ],
    ['a path with a query', document({ '/x?y': { get: { operationId: 'a' } } }), 'must start with /'],
  ])('refuses %s', (_what, doc, message) => {
    expect(read(doc).errors.join('\n')).toContain(message);
  });
});
