import { API, paramsOf, type ActionDescription, type JsonSchema } from '@agent-platform/api-description';
import type { Json, JsonObject } from '@agent-platform/contracts';
import {
  GraphQLBoolean,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLOutputType,
} from 'graphql';
import type { ActionCalls, Page } from './action-calls';
import { DEFAULT_RELATED, RELATIONS, type Relation } from './relations';
import { subscriptionFields } from './subscriptions/subscription-fields';
import { Types, type FieldMap } from './types';

type Field = GraphQLFieldConfig<Readonly<Record<string, unknown>>, ActionCalls>;

/** The schema: a field for each action of the API, `run.retry` as `runRetry`; what only reads is a query, all else a mutation. */
export function graphqlSchema(): GraphQLSchema {
  return new SchemaBuilder().build();
}

/** `agent.rotate_key` → `agentRotateKey`. */
export function fieldNameOf(action: string): string {
  return action.replace(/[._](\w)/g, (_whole, letter: string) => letter.toUpperCase());
}

const isList = (name: string) => API.actions.some((action) => action.name === name && action.list);

/** The fields that are pages of a list. */
export const LIST_FIELDS: ReadonlySet<string> = new Set([
  ...API.actions.filter(({ list }) => list).map(({ name }) => fieldNameOf(name)),
  ...RELATIONS.filter(({ action }) => isList(action)).map(({ field }) => field),
]);

class SchemaBuilder {
  private readonly types = new Types((type) => this.relationsOf(type));
  private readonly connections = new Map<string, GraphQLObjectType>();
  private readonly pageInfo = new GraphQLObjectType({
    name: 'PageInfo',
    description: 'Where a page ends.',
    fields: {
      hasNextPage: { type: new GraphQLNonNull(GraphQLBoolean) },
      endCursor: { type: GraphQLString, description: 'To be given as `after` for the next page; null at the end.' },
    },
  });
  private readonly gone = new GraphQLObjectType({
    name: 'Gone',
    description: 'What was asked to go is gone.',
    fields: { ok: { type: new GraphQLNonNull(GraphQLBoolean) } },
  });

  build(): GraphQLSchema {
    const fields = (isRead: boolean) =>
      Object.fromEntries(
        API.actions.filter(({ effect }) => (effect === 'read') === isRead).flatMap((action) => this.fieldsOf(action)),
      );
    const query = new GraphQLObjectType({ name: 'Query', fields: fields(true) });
    const mutation = new GraphQLObjectType({ name: 'Mutation', fields: fields(false) });
    return new GraphQLSchema({
      description: 'Every action of the Agent Platform as a field.',
      query,
      mutation,
      // `Subscription` is the name of what agents subscribe to events with.
      subscription: new GraphQLObjectType({ name: 'SubscriptionRoot', fields: subscriptionFields(this.types) }),
    });
  }

  /** One field; and one more for each other form of answer that a param of the same name asks for (`dryRun` → `DryRun`). */
  private fieldsOf(action: ActionDescription): [string, Field][] {
    const name = fieldNameOf(action.name);
    const forms = action.okReplies
      .filter((reply) => reply !== action.reply)
      .map((reply) => ({ reply, param: reply.charAt(0).toLowerCase() + reply.slice(1) }));
    const params = paramsOf(action);
    const others = forms.filter(({ param }) => params.some((candidate) => candidate.name === param));
    const left = others.map(({ param }) => param);
    return [
      [name, this.field(action, action.reply, left, {})],
      ...others.map(({ reply, param }): [string, Field] => [
        `${name}${reply}`,
        this.field(action, reply, left, { [param]: true }),
      ]),
    ];
  }

  private field(action: ActionDescription, reply: string | null, left: readonly string[], fixed: JsonObject): Field {
    const needs = action.capability === null ? '' : ` Needs \`${action.capability}\`.`;
    return {
      description: `${action.summary}${needs}`,
      args: this.argsOf(action, left),
      type: this.replyType(action, reply),
      resolve: async (_source, args, calls, { path }) => {
        const params = { ...paramsFrom(args as JsonObject), ...fixed };
        const answer = await calls.perform(action.name, params, String(path.key));
        return action.list ? connectionOf(answer as Page) : reply === null ? { ok: true } : answer;
      },
    };
  }

  private replyType(action: ActionDescription, reply: string | null): GraphQLOutputType {
    if (reply === null) return this.gone;
    return action.list ? this.connection(action) : this.types.named(reply);
  }

  private argsOf(action: ActionDescription, left: readonly string[]): GraphQLFieldConfigArgumentMap {
    const params = paramsOf(action).filter(({ name }) => !left.includes(name));
    return Object.fromEntries(
      params.map(({ name, schema, required }) => {
        const type = this.types.input(schema, name);
        const isNullable = Array.isArray(schema.type);
        return [
          argumentOf(action, name),
          { type: required && !isNullable ? new GraphQLNonNull(type) : type, description: schema.description },
        ];
      }),
    );
  }

  private connection({ reply, page }: Pick<ActionDescription, 'reply' | 'page'>): GraphQLObjectType {
    const node = this.types.named(reply ?? '');
    const nodeName = String(node);
    const extras = Object.entries(API.schemas[page ?? '']?.properties ?? {}).filter(([name]) => name !== 'nextCursor');
    const name = `${nodeName}Connection`;
    let type = this.connections.get(name);
    if (!type) {
      const edge = new GraphQLObjectType({
        name: name.replace(/Connection$/, 'Edge'),
        fields: {
          node: { type: new GraphQLNonNull(node) },
          cursor: {
            type: GraphQLString,
            description: 'Of the last edge: `pageInfo.endCursor`. Null of the others: pages follow pages.',
          },
        },
      });
      type = new GraphQLObjectType({
        name,
        description: 'A page of a list.',
        fields: {
          nodes: { type: listOf(node), resolve: told('nodes') },
          edges: { type: listOf(edge), resolve: told('edges') },
          pageInfo: { type: new GraphQLNonNull(this.pageInfo) },
          ...Object.fromEntries(
            extras.map(([extra, schema]: [string, JsonSchema]) => [
              extra,
              { type: this.types.output(schema, extra), description: schema.description },
            ]),
          ),
        },
      });
      this.connections.set(name, type);
    }
    return type;
  }

  private relationsOf(type: string): FieldMap {
    return Object.fromEntries(
      RELATIONS.filter(({ on }) => on === type).map((relation) => [relation.field, this.relation(relation)]),
    );
  }

  private relation({ action: name, param, from, takes = [], description }: Relation): Field {
    const action = API.actions.find((candidate) => candidate.name === name);
    if (!action) throw new Error(`there is no action ${name}`);
    const args = this.argsOf(action, []);
    const kept = Object.entries(args).filter(([arg]) => ['first', 'after', ...takes].includes(arg));
    return {
      description,
      type: this.replyType(action, action.reply),
      args: action.list ? Object.fromEntries(kept) : {},
      resolve: async (source, given, calls) => {
        const value = source[from] as Json | undefined;
        if (value === null || value === undefined) return null;
        const params: JsonObject = {
          ...(action.list && { limit: DEFAULT_RELATED }),
          ...paramsFrom(given as JsonObject),
          [param]: value,
        };
        const answer = await calls.read(name, params);
        return action.list ? connectionOf(answer as Page) : answer;
      },
    };
  }
}

/** Lists are paged as in other GraphQL schemas: `first` and `after`. */
function argumentOf({ list }: ActionDescription, param: string): string {
  if (!list) return param;
  return param === 'limit' ? 'first' : param === 'cursor' ? 'after' : param;
}

function paramsFrom({ first, after, ...others }: JsonObject): JsonObject {
  return {
    ...others,
    ...(first !== undefined && { limit: first }),
    ...(after !== undefined && { cursor: after }),
  };
}

function connectionOf({ data, page: { nextCursor, ...extras } }: Page): object {
  return {
    nodes: data,
    edges: data.map((node, index) => ({ node, cursor: index === data.length - 1 ? nextCursor : null })),
    pageInfo: { hasNextPage: nextCursor !== null, endCursor: nextCursor },
    ...extras,
  };
}

const told =
  (list: 'nodes' | 'edges'): Field['resolve'] =>
  (page, _args, calls, info) =>
    calls.tell(page[list], info);

function listOf(type: GraphQLOutputType): GraphQLOutputType {
  return new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));
}
