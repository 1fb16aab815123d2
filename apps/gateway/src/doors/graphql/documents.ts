import { AppError } from '@agent-platform/errors';
import {
  getOperationAST,
  GraphQLError,
  parse,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import { checkDocument, LIMITS, rootFieldsOf } from './document-limits';

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

  constructor(private readonly schema: GraphQLSchema) {}

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
      document = this.parse(text);
      checkDocument(document, variables);
      const errors = validate(this.schema, document, undefined, { maxErrors: MAX_ERRORS });
      if (errors.length > 0) throw new InvalidDocument(errors);
      this.read.set(text, document);
    } else checkDocument(document, variables);
    const operation = getOperationAST(document, operationName);
    if (!operation) {
      const message = operationName
        ? `The document has no operation ${operationName}.`
        : 'The document has several operations, or none: name one in operationName.';
      throw new InvalidDocument([new GraphQLError(message)]);
    }
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

  private parse(text: string): DocumentNode {
    if (Buffer.byteLength(text) > LIMITS.bytes) {
      throw new AppError('graphql.document.too-complex', `A document may have ${LIMITS.bytes} bytes at the most.`);
    }
    try {
      return parse(text, { maxTokens: LIMITS.tokens });
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

/** A document that cannot be executed, with all that is wrong with it. */
export class InvalidDocument extends Error {
  constructor(readonly errors: readonly GraphQLError[]) {
    super('the document is not valid');
  }
}
