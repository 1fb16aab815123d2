import type { Json, JsonObject } from '@agent-platform/contracts';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API } from '../api';
import { paramsOf } from '../params-of';
import { openApiDocument } from './document';

const DOCUMENT = openApiDocument('1.2.3');
const ROOT = join(__dirname, '../../../..');

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly JsonObject[];
  readonly requestBody?: { readonly content: Record<string, { schema: JsonObject; example?: Json }> };
  readonly responses: Record<string, JsonObject>;
}

const OPERATIONS = Object.entries(DOCUMENT.paths as unknown as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

function at(pointer: string): Json | undefined {
  let node: Json | undefined = DOCUMENT;
  for (const part of pointer.replace(/^#\//, '').split('/')) {
    node = (node as Record<string, Json> | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return node;
}

function everyRef(node: Json, found: string[] = []): string[] {
  if (Array.isArray(node)) node.forEach((item: Json) => everyRef(item, found));
  else if (typeof node === 'object' && node !== null)
    for (const [key, value] of Object.entries(node)) {
      if (key === '$ref') found.push(value as string);
      else everyRef(value, found);
    }
  return found;
}

describe('the OpenAPI document', () => {
  it('is valid for a validator of OpenAPI 3.1', () => {
    const folder = mkdtempSync(join(tmpdir(), 'openapi-'));
    const file = join(folder, 'openapi.json');
    const validator = join(ROOT, 'node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js');
    const validate = (document: JsonObject) => {
      writeFileSync(file, JSON.stringify(document));
      return execFileSync(process.execPath, [validator, file], { encoding: 'utf8', stdio: 'pipe' });
    };
    expect(validate(DOCUMENT)).toContain('"valid": true');
    expect(() => validate({ ...DOCUMENT, paths: { 'no-slash': {} } })).toThrow();
    rmSync(folder, { recursive: true });
  });

  it('has an operation for each action, each under a name of its own', () => {
    const ids = OPERATIONS.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, method, path } of API.actions) {
      const found = OPERATIONS.find((each) => each.path === path && each.method === method.toLowerCase());
      expect(found?.operation.operationId).toBe(name);
    }
  });

  it('refers to nothing that is not there', () => {
    const missing = everyRef(DOCUMENT).filter((ref) => !ref.startsWith('#/') || at(ref) === undefined);
    expect(missing).toEqual([]);
  });

  it('names every path param, and nothing else, in the path', () => {
    for (const { path, operation } of OPERATIONS) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = (operation.parameters ?? []).filter((param) => param.in === 'path').map(({ name }) => name);
      expect([path, described]).toEqual([path, inPath]);
    }
  });

  it('has schemas that strict validators take, which accept the examples and no unknown field', () => {
    const ajv = addFormats(new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }));
    ajv.addVocabulary(['example']);
    ajv.addSchema({ $id: 'api', $defs: API.schemas }, 'api');
    for (const action of API.actions) {
      const validate = ajv.compile({ $ref: `api#/$defs/${action.request}` });
      expect([action.name, validate(action.example), validate.errors]).toEqual([action.name, true, null]);
      expect(validate({ ...action.example, notAField: 1 })).toBe(false);
      if (action.reply !== null) ajv.compile({ $ref: `api#/$defs/${action.reply}` });
    }
  });

  it('tells every field where it travels', () => {
    const places = (name: string) => {
      const action = API.actions.find((candidate) => candidate.name === name);
      return action && Object.fromEntries(paramsOf(action).map((param) => [param.name, param.in]));
    };
    expect(places('workflow.execute')).toMatchObject({ id: 'path', input: 'body', wait: 'query' });
    expect(places('run.list')).toMatchObject({ status: 'query', metadata: 'query' });
    expect(places('data.delete')).toEqual({ collection: 'path', id: 'path', ifVersion: 'query' });
  });

  it('tells what each operation may be refused for', () => {
    for (const { operation } of OPERATIONS) {
      const action = API.actions.find(({ name }) => name === operation.operationId);
      if (!action) continue;
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '422', '429', '503']));
      expect('403' in operation.responses).toBe(action.capability !== null || action.effect !== 'read');
    }
  });
});
