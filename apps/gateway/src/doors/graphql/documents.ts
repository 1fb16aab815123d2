import { AppError } from '@agent-platform/errors';
import {
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  parse,
  validate,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import { checkDocument, LIMITS, rootFieldsOf } from './document-limits';
import { InvalidDocument } from './invalid-document';

/** Bytes of texts that are kept, of documents that were read and of persisted queries each. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** What a token takes in memory with its part of the document, roughly: far more than its text. */
const BYTES_PER_TOKEN = 400;
/** What is wrong with a document is told in so many errors. */
const MAX_ERRORS = 10;

/** A document that may be executed. */
export interface ReadDocument {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** How many fields the operation has at its top, those of fragments too. */
  readonly rootFields: number;
}

/** Reads documents, within limits; one that comes again is not read and validated again. */
export class Documents {
  private readonly read = new LRUCache<string, DocumentNode>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ tokenCount = LIMITS.tokens }, text) => 2 * text.length + BYTES_PER_TOKEN * tokenCount,
  });
  private readonly persisted = new LRUCache<string, string>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (text) => text.length + 100,
  });

  /** Documents that were known, and those that were read. */
  hits = 0;
  misses = 0;

  constructor(private readonly schema: GraphQLSchema) {}

  /** How many documents are kept. */
  get size(): number {
    return this.read.size;
  }

  /**
   * @throws GraphQLError[] for a document that is not valid; AppError 422 `graphql.document.too-complex`
   */
  find(
    text: string,
    operationName: string | null | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): ReadDocument {
    let document = this.read.get(text);
    if (!document) {
      this.misses++;
      document = this.parse(text);
      checkDocument(document, variables);
      if (this.mistakesOf(document, 1).length > 0)
        throw new InvalidDocument(this.mistakesOf(this.parse(text, false), MAX_ERRORS));
      this.read.set(text, document);
    } else {
      this.hits++;
      checkDocument(document, variables);
    }
    const operation = getOperationAST(document, operationName);
    if (!operation) {
      const message = operationName
        ? `The document has no operation ${operationName}.`
        : 'The document has several operations, or none: name one in operationName.';
      throw new InvalidDocument([new GraphQLError(message)]);
    }
    if (operation.operation === OperationTypeNode.SUBSCRIPTION && hasCondition(operation.selectionSet, document))
      throw new InvalidDocument([new GraphQLError('What is subscribed to may have no directives.')]);
    return { document, operation, rootFields: rootFieldsOf(document, operation) };
  }

  /** The text that was kept under its SHA-256, in hex. */
  findPersisted(hash: string): string | undefined {
    return this.persisted.get(hash);
  }

  /** Keeps a text under its SHA-256; false where that is another one. */
  persist(text: string, hash: string): boolean {
    if (createHash('sha256').update(text).digest('hex') !== hash) return false;
    if (text.length <= LIMITS.bytes) this.persisted.set(hash, text);
    return true;
  }

  private mistakesOf(document: DocumentNode, maxErrors: number): readonly GraphQLError[] {
    return validate(this.schema, document, undefined, { maxErrors });
  }

  /** @param noLocation as every error of a field would count the lines before its place again, and there may be thousands of both */
  private parse(text: string, noLocation = true): DocumentNode {
    if (Buffer.byteLength(text) > LIMITS.bytes) {
      throw new AppError('graphql.document.too-complex', `A document may have ${LIMITS.bytes} bytes at the most.`);
    }
    try {
      return parse(text, { maxTokens: LIMITS.tokens, noLocation });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      // The library gives it no code.
      if (/Document contains more tha[tn] \d+ tokens/.test(error.message)) {
        throw new AppError(
          'graphql.document.too-complex',
          `A document may have ${LIMITS.tokens} words and signs at the most.`,
        );
      }
      throw new InvalidDocument([error]);
    }
  }
}

/** What is subscribed to may not be left out: graphql-js would fail on nothing. The document is valid, and its fragments end. */
function hasCondition({ selections }: SelectionSetNode, document: DocumentNode): boolean {
  return selections.some((selection) => {
    if (selection.directives?.length) return true;
    if (selection.kind === Kind.FIELD) return false;
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection
        : document.definitions.find(
            (node) => node.kind === Kind.FRAGMENT_DEFINITION && node.name.value === selection.name.value,
          );
    return hasCondition((fragment as FragmentDefinitionNode).selectionSet, document);
  });
}
