import type { ActionDefinition, Capability, JsonObject } from '@agent-platform/contracts';
import type { ErrorCode } from '@agent-platform/errors';
import description from './generated/api.json';

/** The parts of JSON Schema 2020-12 that the description uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** `false` in requests; replies may gain fields. */
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly const?: string | number | boolean | null;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
}

/** An action as data; what the fields mean is told by `ActionDefinition`. */
export interface ActionDescription {
  readonly name: string;
  readonly capability: Capability | null;
  readonly effect: ActionDefinition['effect'];
  readonly method: ActionDefinition['http']['method'];
  readonly path: string;
  readonly success: 200 | 201 | 202 | 204;
  readonly query?: readonly string[];
  readonly ifMatch?: string;
  readonly list: boolean;
  readonly answersSecret: boolean;
  readonly duration?: NonNullable<ActionDefinition['duration']>;
  readonly summary: string;
  readonly example: JsonObject;
  /** Names of schemas. */
  readonly request: string;
  readonly reply: string | null;
  readonly okReplies: readonly string[];
  /** Of the `page` of a list; null for an action that is none. */
  readonly page: string | null;
  /** Besides those of every action. */
  readonly problems: readonly ErrorCode[];
}

/** A stream of server-sent events: what it takes, and the action whose capability it needs. */
export interface StreamDescription {
  readonly path: string;
  readonly action: string;
  readonly request: string;
}

export interface CapabilityDescription {
  readonly category: string;
  readonly description: string;
}

export interface ProblemDescription {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
}

/** The whole of the contracts as data. */
export interface ApiDescription {
  readonly actions: readonly ActionDescription[];
  readonly streams: readonly StreamDescription[];
  /** Every named type by its name: requests, replies, enumerations. References are `#/$defs/<name>`. */
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  readonly capabilities: Readonly<Record<Capability, CapabilityDescription>>;
  readonly problems: Readonly<Record<ErrorCode, ProblemDescription>>;
}

/**
 * The contracts as data: what doors, documents and clients derive from without loading the validators. Made from
 * `libs/contracts` and `libs/errors` by `generator/describe.ts`; a test compares them.
 */
export const API = description as unknown as ApiDescription;

/** The schema that a reference stands for, or the schema itself. */
export function resolve(schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.replace('#/$defs/', '');
  const target = name === undefined ? undefined : API.schemas[name];
  return target ? resolve(target) : schema;
}
