import { API, resolve, type JsonSchema } from '@agent-platform/api-description';
import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  type GraphQLFieldConfigMap,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
} from 'graphql';
import type { ActionCalls } from './action-calls';
import { MERGED_TYPES } from './relations';
import { JSON_SCALAR, TIME_SCALAR } from './scalars';

type Source = Readonly<Record<string, unknown>>;
export type FieldMap = GraphQLFieldConfigMap<Source, ActionCalls>;
const NAME = /^[_A-Za-z]\w*$/;

/** GraphQL types made from the schemas of the API. */
export class Types {
  private readonly objects = new Map<string, GraphQLObjectType>();
  private readonly enums = new Map<string, GraphQLEnumType>();

  /** @param more further fields of a type, by its name */
  constructor(private readonly more: (type: string) => FieldMap) {}

  /** The type of a reply by the name of its schema. */
  named(schemaName: string): GraphQLOutputType {
    return this.output({ $ref: `#/$defs/${schemaName}` }, schemaName);
  }

  /** The type that a schema becomes in an answer; never one that excludes null. */
  output(schema: JsonSchema, name: string): GraphQLOutputType {
    const { value } = withoutNull(schema);
    const typeName = value.$ref?.replace('#/$defs/', '') ?? name;
    const resolved = resolve(value);
    if (isPlainObject(resolved)) return this.object(typeName, resolved);
    if (resolved.type === 'array') {
      return new GraphQLList(new GraphQLNonNull(this.output(resolved.items ?? {}, `${name}Item`)));
    }
    return this.scalar(resolved, typeName, value.$ref !== undefined);
  }

  /** The type that a schema becomes as an argument. */
  input(schema: JsonSchema, name: string): GraphQLInputType {
    const { value } = withoutNull(schema);
    const resolved = resolve(value);
    if (resolved.type === 'array') {
      return new GraphQLList(new GraphQLNonNull(this.input(resolved.items ?? {}, name)));
    }
    return this.scalar(resolved, value.$ref?.replace('#/$defs/', '') ?? name, value.$ref !== undefined);
  }

  private scalar(schema: JsonSchema, name: string, isNamed: boolean): GraphQLScalarType | GraphQLEnumType {
    const { type, format } = schema;
    if (isNamed && schema.enum?.every((each) => typeof each === 'string' && NAME.test(each))) {
      return this.enumeration(name, schema);
    }
    if (type === 'integer') return GraphQLInt;
    if (type === 'number') return GraphQLFloat;
    if (type === 'boolean') return GraphQLBoolean;
    if (type !== 'string') return JSON_SCALAR;
    if (format === 'date-time') return TIME_SCALAR;
    return format === 'uuid' || name === 'id' ? GraphQLID : GraphQLString;
  }

  private enumeration(name: string, { enum: values = [], description }: JsonSchema): GraphQLEnumType {
    let type = this.enums.get(name);
    if (!type) {
      const named = Object.fromEntries(values.map((value) => [String(value), { value }]));
      this.enums.set(name, (type = new GraphQLEnumType({ name, description, values: named })));
    }
    return type;
  }

  private object(name: string, schema: JsonSchema): GraphQLObjectType {
    const merged = MERGED_TYPES.find(({ forms }) => forms.includes(name));
    const typeName = merged?.type ?? name;
    let type = this.objects.get(typeName);
    if (!type) {
      const forms = merged ? merged.forms.map((form) => API.schemas[form] ?? {}) : [schema];
      type = new GraphQLObjectType<Source, ActionCalls>({
        name: typeName,
        description: forms[0]?.description,
        fields: () =>
          ({
            ...Object.assign({}, ...forms.map((form) => this.fields(typeName, form))),
            ...this.more(typeName),
          }) as FieldMap,
      });
      this.objects.set(typeName, type);
    }
    return type;
  }

  private fields(typeName: string, { properties = {}, required = [] }: JsonSchema): FieldMap {
    const merged = MERGED_TYPES.find(({ type }) => type === typeName);
    return Object.fromEntries(
      Object.entries(properties).map(([field, schema]) => {
        const nested = nestedName(typeName, field);
        const isId = field === 'id' || field.endsWith('Id');
        const type = this.output(schema, isId ? 'id' : nested);
        const isCompleted = merged?.completes.includes(field) ?? false;
        const isAlways = required.includes(field) && !withoutNull(schema).nullable && !isCompleted;
        return [
          // `1h` is no name.
          NAME.test(field) ? field : `_${field}`,
          {
            type: isAlways ? new GraphQLNonNull(type) : type,
            description: schema.description,
            resolve: (source: Source, _args: unknown, calls: ActionCalls, info: GraphQLResolveInfo) =>
              isCompleted && merged && !merged.completes.some((completed) => completed in source)
                ? calls
                    .read(merged.by, { id: source.id as string })
                    .then((whole) => calls.tell((whole as Source)[field], info))
                : calls.tell(source[field], info),
          },
        ];
      }),
    );
  }
}

/** What has no name of its own is called by its place; not so where a type of the contracts is (`IntegrationHealth`). */
function nestedName(typeName: string, field: string): string {
  const name = `${typeName}${field.charAt(0).toUpperCase()}${field.slice(1)}`;
  return name in API.schemas ? `${name}Info` : name;
}

/** An object of which all fields are known; any other is JSON. */
function isPlainObject({ properties, additionalProperties }: JsonSchema): boolean {
  return properties !== undefined && additionalProperties === undefined;
}

function withoutNull(schema: JsonSchema): { value: JsonSchema; nullable: boolean } {
  if (schema.anyOf) {
    const others = schema.anyOf.filter(({ type }) => type !== 'null');
    const nullable = others.length < schema.anyOf.length;
    return { value: others.length === 1 && others[0] ? others[0] : {}, nullable };
  }
  if (Array.isArray(schema.type)) {
    const others = (schema.type as readonly string[]).filter((type) => type !== 'null');
    return { value: { ...schema, type: others.length === 1 ? others[0] : others }, nullable: true };
  }
  // Any JSON may be null.
  return { value: schema, nullable: schema.type === undefined && schema.$ref === undefined };
}
