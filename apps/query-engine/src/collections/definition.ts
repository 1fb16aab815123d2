import { COLLECTION_NAME, DEFINITIONS, type Json, type JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { isUuid } from '@agent-platform/shared-security';
import { compileDocumentSchema } from './document-schema';

/** Who may use a collection beside its owner. */
export interface CollectionGrant {
  readonly agentId: string;
  readonly access: 'read' | 'write';
}

/** The definition of a collection: the document that stands for it in the collection `collections`. */
export interface CollectionDefinition {
  readonly name: string;
  readonly schema: JsonObject | null;
  readonly grants: readonly CollectionGrant[];
  readonly maxDocuments: number | null;
  readonly maxDocumentBytes: number | null;
}

/** The largest body of a request, and so the largest document. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;
const MAX_GRANTS = 100;
const FIELDS = ['name', 'schema', 'grants', 'maxDocuments', 'maxDocumentBytes'];

/** @throws AppError `data.collection.invalid` with every failing path */
export function readDefinition(document: JsonObject, maxDocuments: number): CollectionDefinition {
  const errors: FieldError[] = [];
  const check = (field: string, isFine: boolean, message: string) => {
    if (!isFine) errors.push({ path: `document.${field}`, message });
  };
  for (const field of Object.keys(document))
    check(field, FIELDS.includes(field), `is not known; there are ${FIELDS.join(', ')}`);
  const { name = null, schema = null, grants = [] } = document;
  check(
    'name',
    isName(name),
    'must be 1 to 63 letters, digits, dashes or underscores after a first letter, and not collections or a UUID',
  );
  const problem =
    schema === null ? undefined : isObject(schema) ? compileDocumentSchema(schema) : 'must be a JSON Schema';
  check('schema', typeof problem !== 'string', String(problem));
  const limits = { maxDocuments, maxDocumentBytes: MAX_DOCUMENT_BYTES };
  for (const [field, max] of Object.entries(limits)) {
    const value = document[field] ?? null;
    const isFine = value === null || (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max);
    check(field, isFine, `must be a whole number of 1 to ${max}`);
  }
  const read = readGrants(grants, errors);
  if (errors.length > 0) throw invalidDefinition(errors);
  return {
    name: name as string,
    schema: schema as JsonObject | null,
    grants: read,
    maxDocuments: (document.maxDocuments ?? null) as number | null,
    maxDocumentBytes: (document.maxDocumentBytes ?? null) as number | null,
  };
}

export function invalidDefinition(errors: readonly FieldError[]): AppError {
  const paths = errors.map(({ path }) => path).join(', ');
  return new AppError('data.collection.invalid', `The definition has fields that are not valid: ${paths}.`, { errors });
}

/** Whether a collection can have this name: an id is no name, as a reference may be either. */
function isName(name: Json): boolean {
  return typeof name === 'string' && COLLECTION_NAME.test(name) && !isUuid(name) && name !== DEFINITIONS;
}

function readGrants(grants: Json, errors: FieldError[]): CollectionGrant[] {
  if (!Array.isArray(grants) || grants.length > MAX_GRANTS) {
    errors.push({ path: 'document.grants', message: `must be a list of at most ${MAX_GRANTS} grants` });
    return [];
  }
  const agents = new Set<string>();
  return grants.flatMap((grant, index) => {
    const path = `document.grants[${index}]`;
    const { agentId, access = 'read', ...others } = isObject(grant) ? grant : {};
    const found: FieldError[] = Object.keys(others).map((field) => ({
      path: `${path}.${field}`,
      message: 'is not known; there are agentId, access',
    }));
    if (typeof agentId !== 'string' || !isUuid(agentId))
      found.push({ path: `${path}.agentId`, message: 'must be the id of an agent' });
    else if (agents.has(agentId.toLowerCase())) found.push({ path: `${path}.agentId`, message: 'is named twice' });
    else agents.add(agentId.toLowerCase());
    if (access !== 'read' && access !== 'write')
      found.push({ path: `${path}.access`, message: 'must be read or write' });
    errors.push(...found);
    return found.length > 0 ? [] : [{ agentId: (agentId as string).toLowerCase(), access: access as 'read' | 'write' }];
  });
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
