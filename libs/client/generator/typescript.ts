import { API, type JsonSchema } from '@agent-platform/api-description';

/** The types of the API as TypeScript. */
export function typesSource(): string {
  const declarations = Object.entries(API.schemas).map(([name, schema]) => declaration(name, schema));
  const codes = Object.keys(API.problems).map((code) => `  | '${code}'`);
  return [
    HEAD,
    '/** Any JSON value. */\nexport type Json = string | number | boolean | null | Json[] | JsonObject;',
    'export interface JsonObject {\n  [key: string]: Json;\n}',
    ...declarations,
    `/** The stable codes of problems. */\nexport type ProblemCode =\n${codes.join('\n')};`,
    '',
  ].join('\n\n');
}

export const HEAD = '// Made from the contracts of the platform; do not edit.';

/** A comment in the form of TSDoc. */
export function comment(text: string | undefined, indent = ''): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '* /')} */\n`;
}

function declaration(name: string, schema: JsonSchema): string {
  const about = comment(schema.description);
  if (schema.properties && Object.keys(schema.properties).length === 0)
    return `${about}export type ${name} = Record<string, never>;`;
  if (schema.properties && schema.additionalProperties !== true && typeof schema.additionalProperties !== 'object') {
    return `${about}export interface ${name} {\n${fields(schema, '  ')}}`;
  }
  return `${about}export type ${name} = ${typeOf(schema, '')};`;
}

function fields({ properties = {}, required = [] }: JsonSchema, indent: string): string {
  return Object.entries(properties)
    .map(([field, schema]) => {
      const key = /^[A-Za-z_]\w*$/.test(field) ? field : `'${field}'`;
      const mark = required.includes(field) ? '' : '?';
      return `${comment(schema.description, indent)}${indent}${key}${mark}: ${typeOf(schema, indent)};\n`;
    })
    .join('');
}

function typeOf(schema: JsonSchema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.replace('#/$defs/', '');
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each, indent)).join(' | ');
  const { type } = schema;
  if (type === undefined) return 'Json';
  if (typeof type !== 'string') return type.map((one) => typeOf({ ...schema, type: one }, indent)).join(' | ');
  switch (type) {
    case 'integer':
      return 'number';
    case 'array': {
      const items = typeOf(schema.items ?? {}, indent);
      return /[ |]/.test(items) && !items.startsWith('{') ? `(${items})[]` : `${items}[]`;
    }
    case 'object':
      return objectType(schema, indent);
    default:
      return type;
  }
}

function objectType(schema: JsonSchema, indent: string): string {
  const { properties, additionalProperties } = schema;
  const inner = `${indent}  `;
  if (properties) {
    const open =
      additionalProperties === undefined || additionalProperties === false ? '' : `${inner}[key: string]: Json;\n`;
    return `{\n${fields(schema, inner)}${open}${indent}}`;
  }
  if (typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0)
    return `Record<string, ${typeOf(additionalProperties, indent)}>`;
  return 'JsonObject';
}

function literal(value: string | number | boolean | null): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
