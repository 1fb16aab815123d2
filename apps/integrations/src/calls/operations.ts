import type { ExecuteIntegrationRequest, Json, JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { createAjv, fieldErrors } from '@agent-platform/json-schema';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { ValidateFunction } from 'ajv/dist/2020';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { OperationDefinition, OperationParameter } from '../integrations/openapi';
import { invalid } from './call-request';

/** Documents with their validators; one has 1 MiB at the most. */
const MAX_DOCUMENTS = 100;
const DOCUMENT = 'document';

interface Document {
  readonly operations: ReadonlyMap<string, OperationDefinition>;
  /** By JSON pointer; compiled when it is first needed. */
  validator(pointer: string): ValidateFunction;
}

/** Turns an operation of an imported OpenAPI document and its params into method, path and the rest. */
@Injectable()
export class Operations {
  private readonly documents: LRUCache<string, Document>;

  constructor(@Inject(SERVICE_POOL) private readonly pool: Pool) {
    this.documents = new LRUCache({
      max: MAX_DOCUMENTS,
      fetchMethod: (key) => this.read(key.split(' ')[0] ?? ''),
    });
  }

  /**
   * @param version of the definition, which the documents in memory go by
   * @throws AppError `integration.operation.unknown`, `request.invalid` with every failing path
   */
  async resolve(
    integrationId: string,
    version: number,
    { operationId = '', params = {}, headers = {}, body }: ExecuteIntegrationRequest,
  ): Promise<Pick<ExecuteIntegrationRequest, 'method' | 'path' | 'query' | 'headers' | 'body'>> {
    const document = await this.documents.fetch(`${integrationId} ${version}`);
    const operation = document?.operations.get(operationId);
    if (!document || !operation) {
      throw new AppError(
        'integration.operation.unknown',
        `There is no operation ${operationId}. integration.get lists the operations.`,
      );
    }
    const errors = checkParams(document, operation, params, body);
    if (errors.length > 0) throw invalid(errors);
    const query: JsonObject = {};
    const sentHeaders: Record<string, Json> = { ...headers };
    let { path } = operation;
    for (const parameter of operation.parameters) {
      const value = params[parameter.name];
      if (value === undefined || value === null) continue;
      const text = textOf(value, parameter);
      if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, () => encodeURIComponent(text));
      else if (parameter.in === 'header') sentHeaders[parameter.name] = text;
      else query[parameter.name] = Array.isArray(value) && parameter.explode ? value : text;
    }
    return { method: operation.method, path, query, headers: sentHeaders, ...(body !== undefined && { body }) };
  }

  private async read(integrationId: string): Promise<Document> {
    const { rows } = await this.pool.query<{ openapi: JsonObject | null; operations: OperationDefinition[] }>({
      name: 'read-operations',
      text: 'SELECT openapi, operations FROM integration.integrations WHERE id = $1',
      values: [integrationId],
    });
    const { openapi = {}, operations = [] } = rows[0] ?? {};
    const ajv = createAjv();
    ajv.addSchema(modernised(openapi) as object, DOCUMENT, undefined, false);
    const validators = new Map<string, ValidateFunction>();
    return {
      operations: new Map(operations.map((operation) => [operation.operationId, operation])),
      validator: (pointer) => {
        const validate = validators.get(pointer) ?? ajv.compile({ $ref: `${DOCUMENT}#${encodeURI(pointer)}` });
        validators.set(pointer, validate);
        return validate;
      },
    };
  }
}

function checkParams(
  document: Document,
  { parameters, body: wanted, operationId }: OperationDefinition,
  params: JsonObject,
  body: Json | undefined,
): FieldError[] {
  const unknown = Object.keys(params).filter((name) => !parameters.some((parameter) => parameter.name === name));
  const errors = unknown.map((name) => ({ path: `params.${name}`, message: `is no parameter of ${operationId}` }));
  for (const { name, required, schema, in: place } of parameters) {
    const value = params[name];
    const path = `params.${name}`;
    if (value === undefined || value === null || (place === 'path' && value === '')) {
      if (required) errors.push({ path, message: 'is required' });
    } else if (place === 'path' && (value === '.' || value === '..')) {
      errors.push({ path, message: 'must not be . or ..' });
    } else errors.push(...failures(document, schema, value, path));
  }
  if (body === undefined || body === null) {
    if (wanted?.required) errors.push({ path: 'body', message: 'is required' });
  } else if (!wanted) errors.push({ path: 'body', message: `has no meaning for ${operationId}` });
  else errors.push(...failures(document, wanted.schema, body, 'body'));
  return errors;
}

function failures(document: Document, schema: string | null, value: Json, path: string): FieldError[] {
  if (schema === null) return [];
  let validate: ValidateFunction;
  try {
    validate = document.validator(schema);
  } catch (error) {
    return [{ path, message: `cannot be checked, as its schema is not valid: ${(error as Error).message}` }];
  }
  return validate(value) ? [] : fieldErrors(validate, path);
}

/** A list as the style `form` or `simple` has it (OpenAPI 3.1, "Style Values"). */
function textOf(value: Json, { explode }: OperationParameter): string {
  if (Array.isArray(value) && !explode) return value.map((item) => textOfItem(item)).join(',');
  return textOfItem(value);
}

function textOfItem(value: Json): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** OpenAPI 3.0 has `nullable`, which the validator knows, and bounds that are true or false, which it does not. */
function modernised(value: Json): Json {
  if (Array.isArray(value)) return value.map(modernised);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, modernised(item)] as const);
  const schema = Object.fromEntries(entries) as Record<string, Json>;
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    const limit = schema[bound];
    const isExclusive = schema[exclusive];
    delete schema[exclusive];
    if (!isExclusive || limit === undefined) continue;
    delete schema[bound];
    schema[exclusive] = limit;
  }
  return schema;
}
