import { getMetadataStorage } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';
import type { JsonSchema } from '../src/api';

/** What the validators of a request class add to the schema of its type. */
export function requestSchema(request: new () => object, type: JsonSchema): JsonSchema {
  const rules = getMetadataStorage().getTargetValidationMetadatas(request, '', false, false);
  const properties = Object.fromEntries(
    Object.entries(type.properties ?? {}).map(([field, schema]) => {
      const own = rules.filter(({ propertyName }) => propertyName === field);
      return [field, fieldSchema(schema, own)];
    }),
  );
  const isOptional = (field: string) =>
    rules.some(({ propertyName, name }) => propertyName === field && name === 'isOptional');
  const required = Object.keys(properties).filter((field) => !isOptional(field));
  return {
    ...type,
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function fieldSchema(type: JsonSchema, rules: readonly ValidationMetadata[]): JsonSchema {
  const own = rules.filter(({ each }) => !each).reduce(withRule, type);
  const ofItems = rules.filter(({ each }) => each);
  return ofItems.length === 0 ? own : { ...own, items: ofItems.reduce(withRule, own.items ?? {}) };
}

/** Validators that set a bound, by the keyword of JSON Schema that it becomes. */
const BOUNDS: Readonly<Record<string, keyof JsonSchema>> = {
  min: 'minimum',
  max: 'maximum',
  maxLength: 'maxLength',
  arrayMinSize: 'minItems',
  arrayMaxSize: 'maxItems',
};
/** Validators that say the same whatever they are given. */
const FIXED: Readonly<Record<string, JsonSchema>> = {
  isInt: { type: 'integer' },
  arrayUnique: { uniqueItems: true },
  isUuid: { format: 'uuid' },
  isUrl: { format: 'uri' },
  isRFC3339: { format: 'date-time' },
};
/** Validators that say what the type says itself, or when the others apply. */
const SAID = new Set('isIso8601 isIn isString isObject isArray isBoolean isOptional conditionalValidation'.split(' '));

/** @throws Error for a validator that it does not know: the description would say too little */
function withRule(schema: JsonSchema, { name, type, constraints, propertyName }: ValidationMetadata): JsonSchema {
  const rule = name ?? type;
  const [bound] = (constraints ?? []) as unknown[];
  if (rule === 'matches') return withPattern(schema, bound as RegExp);
  if (BOUNDS[rule]) return { ...schema, [BOUNDS[rule]]: bound };
  if (FIXED[rule]) return { ...schema, ...FIXED[rule] };
  if (SAID.has(rule)) return schema;
  throw new Error(`The validator ${rule} of ${propertyName} has no form in JSON Schema yet`);
}

/** @throws Error for a pattern with flags, which JSON Schema knows none of */
function withPattern(schema: JsonSchema, { source, flags }: RegExp): JsonSchema {
  if (flags !== '') throw new Error(`The pattern ${source} has flags: spell out what they mean`);
  return schema.pattern === undefined
    ? { ...schema, pattern: source }
    : { ...schema, allOf: [...(schema.allOf ?? []), { pattern: source }] };
}
