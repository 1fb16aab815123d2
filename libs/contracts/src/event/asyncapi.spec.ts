import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, JsonObject } from '../json';
import { ASYNCAPI_DOCUMENT } from './asyncapi';
import { BUILT_IN_EVENTS } from './built-in-events';
import { EVENT_TYPE } from './event';

const FILE = join(__dirname, '../../../../docs/asyncapi.json');
const TEXT = `${JSON.stringify(ASYNCAPI_DOCUMENT, null, 2)}\n`;

/** What a pointer within the document leads to (RFC 6901). */
function at(pointer: string): Json | undefined {
  let node: Json | undefined = ASYNCAPI_DOCUMENT;
  for (const part of pointer.replace(/^#\//, '').split('/')) node = (node as Record<string, Json> | undefined)?.[part];
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

interface Message {
  readonly payload: { readonly $ref: string };
  readonly examples: readonly { readonly payload: { readonly type: string; readonly data: JsonObject } }[];
}
const channels = Object.entries(at('#/channels') as Record<string, { address: string }>);
const messages = Object.entries(at('#/components/messages') as unknown as Record<string, Message>);

describe('the AsyncAPI document', () => {
  it('stands in docs/asyncapi.json as it follows from the types (UPDATE_GENERATED=1 writes it)', () => {
    if (process.env.UPDATE_GENERATED) writeFileSync(FILE, TEXT);
    expect(readFileSync(FILE, 'utf8')).toBe(TEXT);
  });

  it('has what AsyncAPI 3.0 asks for, and every reference in it leads somewhere', () => {
    expect(ASYNCAPI_DOCUMENT).toMatchObject({
      asyncapi: '3.0.0',
      info: { title: expect.any(String) as string, version: '1' },
    });
    const refs = everyRef(ASYNCAPI_DOCUMENT);
    expect(refs.filter((ref) => at(ref) === undefined)).toEqual([]);
    expect(refs.length).toBeGreaterThan(channels.length * 5);
    // Keys of components, as the specification wants them.
    for (const part of ['messages', 'schemas', 'securitySchemes'])
      for (const key of Object.keys(at(`#/components/${part}`) as JsonObject)) expect(key).toMatch(/^[a-zA-Z0-9._-]+$/);
    const operations = Object.values(
      at('#/operations') as Record<string, { action: string; channel: { $ref: string } }>,
    );
    expect(operations.map(({ action }) => action)).toEqual(channels.map(() => 'receive'));
    expect(operations.map(({ channel }) => channel.$ref)).toEqual(channels.map(([id]) => `#/channels/${id}`));
    expect(at('#/servers/nats')).toMatchObject({ protocol: 'nats', security: [expect.anything()] });
  });

  it('has a channel for each built-in type, one for those of agents, and one for webhooks', () => {
    expect(channels.map(([, { address }]) => address)).toEqual([
      ...Object.keys(BUILT_IN_EVENTS).map((type) => `events.${type}`),
      'events.{type}',
      'events.webhook.{type}',
    ]);
    expect(Object.keys(BUILT_IN_EVENTS)).toHaveLength(15);
    expect(messages.map(([id]) => id)).toEqual(channels.map(([id]) => id));
  });

  it('shows of each message an example that its schema takes, and takes no other type', () => {
    const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
    ajv.addSchema({ $id: 'taps', components: { schemas: at('#/components/schemas') } });
    for (const [id, { payload, examples }] of messages) {
      const validate = ajv.compile({ $ref: `taps${payload.$ref}` });
      expect(examples).toHaveLength(1);
      const [example] = examples;
      expect([id, validate(example?.payload), validate.errors]).toEqual([id, true, null]);
      expect(example?.payload.type).toMatch(EVENT_TYPE);
      expect(validate({ ...example?.payload, type: 'data' })).toBe(false);
      expect(validate({ ...example?.payload, agentid: undefined })).toBe(false);
      if (id in BUILT_IN_EVENTS) expect(validate({ ...example?.payload, data: {} })).toBe(false);
      for (const [other, { examples: others }] of messages)
        if (other !== id) expect([id, other, validate(others[0]?.payload)]).toEqual([id, other, false]);
    }
  });
});
