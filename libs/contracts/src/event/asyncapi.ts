import type { Json, JsonObject } from '../json';
import { eventSubject } from '../internal/subjects';
import { BUILT_IN_EVENTS } from './built-in-events';
import { EVENT_TYPE, RESERVED_EVENT_PREFIXES } from './event';

/** Where the gateway publishes `ASYNCAPI_DOCUMENT`. */
export const ASYNCAPI_PATH = '/asyncapi.json';

const ID = '01938f9e-7c1e-7000-8000-000000000001';
const TIME = '2026-11-24T09:30:00.000Z';

/** What examples show for a text, by the name of its field. */
const EXAMPLE_TEXTS: Readonly<Record<string, string>> = {
  name: 'enrich-lead',
  collection: 'leads',
  code: 'step.http.status',
  detail: 'The server answered with 500.',
  stepId: 'lead',
  service: 'webhook-receiver',
};

const ENVELOPE: JsonObject = {
  type: 'object',
  description: 'CloudEvents 1.0 in its JSON format, with the extensions agentid and traceparent.',
  required: ['specversion', 'id', 'source', 'type', 'time', 'datacontenttype', 'data', 'agentid', 'traceparent'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', format: 'uuid', description: 'Of the event; the same however often it comes.' },
    source: { type: 'string', format: 'uri-reference', description: 'The agent it comes from: /agents/{id}.' },
    type: { type: 'string', pattern: EVENT_TYPE.source },
    time: { type: 'string', format: 'date-time', description: 'When it came about.' },
    subject: { type: 'string', description: 'What it is about.' },
    datacontenttype: { const: 'application/json' },
    data: { type: 'object' },
    agentid: { type: 'string', format: 'uuid', description: 'Whose event it is.' },
    traceparent: { type: 'string', description: 'W3C Trace Context of what caused it.' },
  },
};

const ENVELOPE_REF: JsonObject = { $ref: '#/components/schemas/CloudEvent' };

/** One kind of event, as a channel. */
interface EventChannel {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly address: string;
  /** Of the address, where it is that of many types. */
  readonly parameters?: JsonObject;
  /** JSON Schema of the `type` of the envelope. */
  readonly type: JsonObject;
  readonly data: JsonObject;
  readonly example: { readonly type: string; readonly data: Json };
}

const OWN_TYPES = new RegExp(`^(?!(?:${[...RESERVED_EVENT_PREFIXES, 'webhook'].join('|')})\\.)`).source;

function builtInChannels(): EventChannel[] {
  return Object.entries(BUILT_IN_EVENTS).map(([name, { description, schema }]) => {
    const data = Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== '$schema'));
    return {
      id: name,
      title: name,
      description,
      address: eventSubject(name),
      type: { const: name },
      data,
      example: { type: name, data: exampleOf(data, '') },
    };
  });
}

const OTHER_CHANNELS: readonly EventChannel[] = [
  {
    id: 'own',
    title: "Types of agents' own",
    description: `What agents emit, under any prefix but ${RESERVED_EVENT_PREFIXES.join('., ')}. and webhook.: a subject of several words.`,
    address: eventSubject('{type}'),
    parameters: { type: { description: 'The type of the event.', examples: ['lead.scored'] } },
    type: { type: 'string', pattern: OWN_TYPES },
    data: { type: 'object', description: 'What the agent has put there.' },
    example: { type: 'lead.scored', data: { lead: 'lead-7', points: 14 } },
  },
  {
    id: 'webhook',
    title: 'Webhooks of providers',
    description: 'A webhook that a provider has sent to the endpoint of an integration, verified.',
    address: eventSubject('webhook.{type}'),
    parameters: {
      type: {
        description: 'The integration and what the provider calls the event: several words.',
        examples: ['github.push'],
      },
    },
    type: { type: 'string', pattern: '^webhook\\.' },
    data: { type: 'object', description: 'What the provider has sent.' },
    example: { type: 'webhook.github.push', data: { ref: 'refs/heads/main' } },
  },
];

/** The taps (SPEC section 8) as AsyncAPI 3.0: every event on its NATS subject, for whoever has the credentials of the tap user. */
export const ASYNCAPI_DOCUMENT: JsonObject = describeTaps([...builtInChannels(), ...OTHER_CHANNELS]);

function describeTaps(channels: readonly EventChannel[]): JsonObject {
  const each = (entry: (channel: EventChannel) => Json): JsonObject =>
    Object.fromEntries(channels.map((channel) => [channel.id, entry(channel)]));
  return {
    asyncapi: '3.0.0',
    id: 'urn:agent-platform:taps',
    info: {
      title: 'Agent Platform: taps',
      version: '1',
      description:
        'Every event of the platform, on the JetStream stream EVENTS. At least once: an id that was seen before is a repetition. The ' +
        'subject events.> is all of them. Fields may be added to data, so ignore those that you do not know.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/cloudevents+json',
    servers: {
      nats: {
        host: '127.0.0.1:4222',
        protocol: 'nats',
        description:
          'The NATS server of the platform; npm start writes its address with user and password to urls.json.',
        security: [{ $ref: '#/components/securitySchemes/tap' }],
      },
    },
    channels: each(({ id, title, description, address, parameters }) => ({
      address,
      title,
      description,
      ...(parameters && { parameters }),
      servers: [{ $ref: '#/servers/nats' }],
      messages: { [id]: { $ref: `#/components/messages/${id}` } },
    })),
    operations: Object.fromEntries(
      channels.map(({ id, description }) => [
        `receive.${id}`,
        {
          action: 'receive',
          channel: { $ref: `#/channels/${id}` },
          summary: description,
          messages: [{ $ref: `#/channels/${id}/messages/${id}` }],
        },
      ]),
    ),
    components: {
      messages: each(({ id, title, description, example }) => ({
        name: id,
        title,
        summary: description,
        headers: {
          type: 'object',
          properties: { 'Nats-Msg-Id': { type: 'string', format: 'uuid', description: 'The id of the event.' } },
        },
        payload: { $ref: `#/components/schemas/${id}` },
        examples: [{ name: id, headers: { 'Nats-Msg-Id': ID }, payload: envelopeOf(example) }],
      })),
      schemas: {
        CloudEvent: ENVELOPE,
        ...each(({ type, data }) => ({
          allOf: [ENVELOPE_REF, { type: 'object', properties: { type, data } }] as JsonObject[],
        })),
      },
      securitySchemes: {
        tap: { type: 'userPassword', description: 'The NATS user tap: it reads events, and publishes none.' },
      },
    },
  };
}

function envelopeOf({ type, data }: EventChannel['example']): JsonObject {
  return {
    specversion: '1.0',
    id: ID,
    source: `/agents/${ID}`,
    type,
    time: TIME,
    datacontenttype: 'application/json',
    data,
    agentid: ID,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
}

/** A value that a schema of a built-in event allows. */
function exampleOf(schema: JsonObject, name: string): Json {
  const { type, properties, items, format, minimum, enum: values } = schema;
  if (Array.isArray(values)) return values[0] ?? null;
  if (type === 'object')
    return Object.fromEntries(
      Object.entries(properties as Record<string, JsonObject>).map(([field, of]) => [field, exampleOf(of, field)]),
    );
  if (type === 'array') return [exampleOf(items as JsonObject, name)];
  if (type === 'integer') return minimum ?? 0;
  if (format === 'uuid') return ID;
  return format === 'date-time' ? TIME : (EXAMPLE_TEXTS[name] ?? name);
}
