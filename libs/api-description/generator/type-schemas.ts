import { join } from 'node:path';
import { createGenerator } from 'ts-json-schema-generator';
import type { JsonSchema } from '../src/api';

const ROOT = join(__dirname, '../../..');

/** Types that are no types of the API: what they stand for takes their place. */
const INLINED: Readonly<Record<string, JsonSchema>> = {
  Json: {},
  JsonObject: { type: 'object', additionalProperties: true },
  Integer: { type: 'integer' },
  Time: { type: 'string', format: 'date-time' },
};

/** JSON Schemas of the exported types of the contracts, from their TypeScript and doc comments. */
export class TypeSchemas {
  private readonly generator = createGenerator({
    path: join(ROOT, 'libs/contracts/src/**/*.ts'),
    tsconfig: join(ROOT, 'tsconfig.json'),
    expose: 'export',
    topRef: true,
    jsDoc: 'extended',
    additionalProperties: false,
    // The types are checked where everything is.
    skipTypeCheck: true,
  });
  private readonly schemas = new Map<string, JsonSchema>();

  /** Adds a type and all that it refers to. */
  add(name: string): void {
    const { definitions = {} } = this.generator.createSchema(name);
    for (const [defined, schema] of Object.entries(definitions)) {
      if (!(defined in INLINED)) this.schemas.set(defined, adapted(schema) as JsonSchema);
    }
  }

  all(): Map<string, JsonSchema> {
    return new Map(this.schemas);
  }
}

type Draft07 = Readonly<Record<string, unknown>>;

/** From draft 7 to 2020-12; objects may gain fields, and a comment is one line. */
function adapted(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(adapted);
  if (typeof node !== 'object' || node === null) return node;
  const { $ref, description, properties, additionalProperties, ...rest } = node as Draft07;
  const name = typeof $ref === 'string' ? decodeURIComponent($ref.replace('#/definitions/', '')) : undefined;
  const referred = name === undefined ? {} : (INLINED[name] ?? { $ref: `#/$defs/${name}` });
  return {
    ...referred,
    ...(typeof description === 'string' && { description: description.replace(/\s*\n\s*/g, ' ').trim() }),
    ...mapped(rest),
    // Fields may be called as keywords are.
    ...(properties !== undefined && { properties: mapped(properties as Draft07) }),
    ...(additionalProperties !== undefined &&
      additionalProperties !== false && { additionalProperties: adapted(additionalProperties) }),
  };
}

function mapped(schemas: Draft07): Draft07 {
  return Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, adapted(schema)]));
}
