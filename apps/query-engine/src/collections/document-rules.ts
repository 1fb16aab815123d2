import type { JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { extraDigits, findInfinite } from '../json-numbers';
import { MAX_DOCUMENT_BYTES } from './definition';
import { compileDocumentSchema, documentErrors, type DocumentSchema } from './document-schema';
import type { Collection } from './find-collection.sql';

/** Compiled schemas that are kept; one takes some 100 KB. */
const MAX_SCHEMAS = 200;

/** What a collection asks of its documents. */
@Injectable()
export class DocumentRules {
  private readonly schemas = new LRUCache<string, DocumentSchema>({ max: MAX_SCHEMAS });

  /**
   * The document as it is stored.
   *
   * @throws AppError `data.document.invalid` with every failing path
   */
  check(collection: Collection, document: JsonObject): string {
    const infinite = findInfinite(document, 'document');
    if (infinite !== undefined) throw invalid([{ path: infinite, message: 'is a number that is too large' }]);
    const json = JSON.stringify(document);
    const maxBytes = collection.maxDocumentBytes ?? MAX_DOCUMENT_BYTES;
    // As it is answered: a small document of long numbers would be too large to be read again.
    if (Buffer.byteLength(json) + extraDigits(document) > maxBytes) {
      const message = `has more than the ${maxBytes} bytes that a document of ${collection.name} may have, all digits of its numbers counted`;
      throw invalid([{ path: 'document', message }]);
    }
    const errors = collection.schema ? documentErrors(this.schemaOf(collection, collection.schema), document) : [];
    if (errors.length > 0) throw invalid(errors);
    return json;
  }

  private schemaOf({ id, version }: Collection, schema: JsonObject): DocumentSchema {
    const key = `${id} ${version}`;
    const known = this.schemas.get(key);
    if (known) return known;
    const compiled = compileDocumentSchema(schema);
    // It was compiled when it was saved; this version of the validator may know better.
    if (typeof compiled === 'string')
      throw invalid([{ path: 'document', message: `cannot be checked: the schema of the collection ${compiled}` }]);
    this.schemas.set(key, compiled);
    return compiled;
  }
}

function invalid(errors: readonly FieldError[]): AppError {
  const [first] = errors;
  return new AppError('data.document.invalid', `The document is not valid: ${first?.path} ${first?.message}.`, {
    errors,
  });
}
