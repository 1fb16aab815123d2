import { getMetadataStorage } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';
import type { JsonSchema } from '../src/api';

type Mutable = { -readonly [Key in keyof JsonSchema]: JsonSchema[Key] };

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

/** @throws Error for a validator that it does not know: the description would say too little */
function withRule(schema: JsonSchema, rule: ValidationMetadata): JsonSchema {
  const [bound] = (rule.constraints ?? []) as unknown[];
  const added: Mutable = {};
  switch (rule.name ?? rule.type) {
    case 'isInt':
      return { ...schema, type: 'integer' };
    case 'min':
      added.minimum = bound as number;
      break;
    case 'max':
      added.maximum = bound as number;
      break;
    case 'maxLength':
      added.maxLength = bound as number;
      break;
    case 'arrayMinSize':
      added.minItems = bound as number;
      break;
    case 'arrayMaxSize':
      added.maxItems = bound as number;
      break;
    case 'arrayUnique':
      added.uniqueItems = true;
      break;
    case 'isUuid':
      added.format = 'uuid';
      break;
    case 'isUrl':
      added.format = 'uri';
      break;
    case 'isRFC3339':
      added.format = 'date-time';
      break;
    case 'matches':
      return withPattern(schema, bound as RegExp);
    // Said by the type itself.
    case 'isIso8601':
    case 'isIn':
    case 'isString':
    case 'isObject':
    case 'isArray':
    case 'isBoolean':
    case 'isOptional':
    case 'conditionalValidation':
      break;
    default:
      throw new Error(`The validator ${rule.name ?? rule.type} of ${rule.propertyName} has no form in JSON Schema yet`);
  }
  return { ...schema, ...added };
}

/** JSON Schema knows no flags: letters of both cases are spelled out where a pattern ignores case. */
function withPattern(schema: JsonSchema, pattern: RegExp): JsonSchema {
  const source = pattern.flags.includes('i')
    ? pattern.source.replace(/T/g, 'Tt').replace(/\(Z\|/g, '([Zz]|')
    : pattern.source;
  return schema.pattern === undefined
    ? { ...schema, pattern: source }
    : { ...schema, allOf: [...(schema.allOf ?? []), { pattern: source }] };
}
