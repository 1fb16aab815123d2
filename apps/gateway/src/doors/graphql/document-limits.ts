import { DEFAULT_PAGE_SIZE } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import {
  getIntrospectionQuery,
  GraphQLError,
  Kind,
  parse,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { InvalidDocument } from './invalid-document';
import { DEFAULT_RELATED } from './relations';
import { LIST_FIELDS } from './schema';

/** What a document may be at the most. They are checked before it is validated, which may cost far more than reading it. */
export const LIMITS = {
  /** Bytes of the text of a document. */
  bytes: 64 * 1024,
  /** Words and signs. */
  tokens: 2000,
  /** Fields within fields, fragments looked through; those of introspection may be deeper. */
  depth: 12,
  introspectionDepth: 30,
  /** Fields of an operation at its top, each of which is a call. */
  rootFields: 20,
  /** Fields as they are written down, and with each fragment counted wherever it is spread. */
  fields: 500,
  expandedFields: 2000,
  /** One field in one place: the validation compares each with each. */
  repeats: 30,
  aliases: 30,
  directives: 50,
  fragments: 50,
  /** Things that may be asked for: a list counts as many as `first` says, and what is within it as many times. */
  cost: 5000,
} as const;

/** How many things a list counts where it is in a variable that is not known. */
const MAX_FIRST = 200;
/** Whose lists are as long as those of REST where `first` is not given; a list within another thing is shorter. */
const ROOT_TYPES: ReadonlySet<string> = new Set(['Query', 'Mutation', 'SubscriptionRoot']);

/** How many there are of a kind in the schema, roughly. */
const INTROSPECTED: Readonly<Record<string, number>> = {
  types: 120,
  fields: 12,
  args: 4,
  enumValues: 8,
  inputFields: 1,
  interfaces: 1,
  possibleTypes: 2,
  directives: 5,
};

interface Weight {
  readonly depth: number;
  readonly fields: number;
  readonly cost: number;
  /** Depth of what is within `__schema` and `__type`, and how many answers it asks for. */
  readonly introspection: number;
  readonly introspected: number;
}

/**
 * Refuses a document that would cost too much, in time that grows with its length alone.
 *
 * @param variables of the request, which say how long lists may be
 * @throws AppError 422 `graphql.document.too-complex`
 */
export function checkDocument(document: DocumentNode, variables: Readonly<Record<string, unknown>>): void {
  new DocumentLimits(document, variables).check();
}

/** How many fields an operation has at its top, those of fragments too. The document is known to be within its limits. */
export function rootFieldsOf(document: DocumentNode, { selectionSet }: OperationDefinitionNode): number {
  return new DocumentLimits(document, {}).rootFields(selectionSet);
}

class DocumentLimits {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  private readonly weights = new Map<string, Weight | 'looking'>();
  private fields = 0;
  private aliases = 0;
  private directives = 0;

  constructor(
    private readonly document: DocumentNode,
    private readonly variables: Readonly<Record<string, unknown>>,
  ) {
    for (const node of document.definitions) {
      if (node.kind !== Kind.FRAGMENT_DEFINITION) continue;
      const name = node.name.value;
      // The last of them alone would be weighed.
      if (this.fragments.has(name))
        throw new InvalidDocument([new GraphQLError(`There can be only one fragment named "${name}".`)]);
      this.fragments.set(name, node);
    }
  }

  check(): void {
    if (this.fragments.size > LIMITS.fragments) throw tooComplex('fragments', LIMITS.fragments);
    for (const node of this.document.definitions) {
      if (node.kind !== Kind.OPERATION_DEFINITION && node.kind !== Kind.FRAGMENT_DEFINITION) continue;
      this.directives += node.directives?.length ?? 0;
      if (node.kind === Kind.FRAGMENT_DEFINITION) {
        this.weighFragment(node.name.value, false);
        continue;
      }
      const weight = this.weigh(node.selectionSet, false, DEFAULT_PAGE_SIZE);
      if (weight.fields > LIMITS.expandedFields)
        throw tooComplex('fields, those of fragments included', LIMITS.expandedFields);
      if (this.rootFields(node.selectionSet) > LIMITS.rootFields)
        throw tooComplex('fields at the top of an operation', LIMITS.rootFields);
      if (weight.depth > LIMITS.depth) throw tooComplex('levels of fields', LIMITS.depth);
      if (weight.introspection > LIMITS.introspectionDepth)
        throw tooComplex('levels of introspection', LIMITS.introspectionDepth);
      if (weight.introspected > MAX_INTROSPECTED)
        throw tooComplex('answers about the schema that it asks for', MAX_INTROSPECTED);
      if (weight.cost > LIMITS.cost) throw tooComplex('things that it asks for (lower `first`)', LIMITS.cost);
    }
    if (this.directives > LIMITS.directives) throw tooComplex('directives', LIMITS.directives);
  }

  /** What an operation asks of the schema. */
  introspected(): number {
    const [operation] = this.document.definitions as [OperationDefinitionNode];
    return this.weigh(operation.selectionSet).introspected;
  }

  /** @param keys how often each field is there, with those of inline fragments around */
  private weigh(
    selections: SelectionSetNode | undefined,
    isIntrospection = false,
    defaultFirst: number = DEFAULT_RELATED,
    keys = new Map<string, number>(),
  ): Weight {
    let [depth, fields, cost, introspection, introspected] = [0, 0, 0, 0, 0];
    for (const node of selections?.selections ?? []) {
      this.directives += node.directives?.length ?? 0;
      if (node.kind === Kind.FIELD) this.count(node, keys);
      const weight =
        node.kind === Kind.FIELD
          ? this.weighField(node, isIntrospection, defaultFirst)
          : node.kind === Kind.INLINE_FRAGMENT
            ? this.weigh(node.selectionSet, isIntrospection, defaultFirst, keys)
            : this.weighFragment(node.name.value, isIntrospection);
      depth = Math.max(depth, weight.depth);
      introspection = Math.max(introspection, weight.introspection);
      fields += weight.fields;
      cost += weight.cost;
      introspected += weight.introspected;
    }
    return { depth, fields, cost, introspection, introspected };
  }

  private count({ alias, name }: FieldNode, keys: Map<string, number>): void {
    if (alias && ++this.aliases > LIMITS.aliases) throw tooComplex('aliases', LIMITS.aliases);
    const key = alias?.value ?? name.value;
    const times = (keys.get(key) ?? 0) + 1;
    if (times > LIMITS.repeats) throw tooComplex('fields of one name in one place', LIMITS.repeats);
    keys.set(key, times);
  }

  private weighField(node: FieldNode, within: boolean, defaultFirst: number): Weight {
    if (++this.fields > LIMITS.fields) throw tooComplex('fields', LIMITS.fields);
    const isIntrospection = within || node.name.value.startsWith('__');
    const inner = this.weigh(node.selectionSet, isIntrospection);
    const times = isIntrospection ? 1 : this.lengthOf(node, defaultFirst);
    return {
      depth: isIntrospection ? 0 : inner.depth + 1,
      introspection: isIntrospection ? inner.introspection + 1 : inner.introspection,
      introspected: isIntrospection
        ? 1 + (INTROSPECTED[node.name.value] ?? 1) * inner.introspected
        : inner.introspected,
      fields: inner.fields + 1,
      // A field without fields within costs nothing of its own: what it is in has been read.
      cost: node.selectionSet ? times * (1 + inner.cost) : 0,
    };
  }

  /** @throws AppError for a fragment that spreads itself */
  private weighFragment(name: string, isIntrospection: boolean): Weight {
    const key = `${isIntrospection} ${name}`;
    const known = this.weights.get(key);
    if (known === 'looking') throw tooComplex(`turns of the fragment ${name}, which spreads itself`, 0);
    if (known) return known;
    this.weights.set(key, 'looking');
    const fragment = this.fragments.get(name);
    const isOfRoot = ROOT_TYPES.has(fragment?.typeCondition.name.value ?? '');
    const defaultFirst = isOfRoot ? DEFAULT_PAGE_SIZE : DEFAULT_RELATED;
    const inner = this.weigh(fragment?.selectionSet, isIntrospection, defaultFirst);
    // The spread counts itself: spreads of spreads multiply, also where no field is at their end.
    const weight = { ...inner, fields: inner.fields + 1 };
    this.weights.set(key, weight);
    return weight;
  }

  /** Only of an operation whose fields are few with fragments looked through: no fragment spreads itself then. */
  rootFields({ selections }: SelectionSetNode): number {
    return selections.reduce((sum, node) => {
      if (node.kind === Kind.FIELD) return sum + 1;
      const inner = node.kind === Kind.INLINE_FRAGMENT ? node : this.fragments.get(node.name.value);
      return inner ? sum + this.rootFields(inner.selectionSet) : sum;
    }, 0);
  }

  /** How many things a field may give. */
  private lengthOf({ name, arguments: given = [] }: FieldNode, defaultFirst: number): number {
    const first = given.find((argument) => argument.name.value === 'first');
    if (first) return this.numberOf(first.value);
    return LIST_FIELDS.has(name.value) ? defaultFirst : 1;
  }

  private numberOf(value: ValueNode): number {
    const given =
      value.kind === Kind.VARIABLE
        ? this.variables[value.name.value]
        : value.kind === Kind.INT
          ? Number(value.value)
          : undefined;
    return typeof given === 'number' && given >= 0 ? Math.min(given, MAX_FIRST) : MAX_FIRST;
  }
}

/** As many as tools ask for when they ask for all of it; aliases would make it any number of times that. */
const MAX_INTROSPECTED = new DocumentLimits(
  parse(
    getIntrospectionQuery({
      directiveIsRepeatable: true,
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
    }),
  ),
  {},
).introspected();

function tooComplex(what: string, most: number): AppError {
  return new AppError(
    'graphql.document.too-complex',
    `The document has too many ${what}: ${most} at the most. Ask for less at a time, in several requests.`,
  );
}
