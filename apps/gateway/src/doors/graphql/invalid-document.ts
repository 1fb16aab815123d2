import type { GraphQLError } from 'graphql';

/** A document that cannot be executed, with all that is wrong with it. */
export class InvalidDocument extends Error {
  constructor(readonly errors: readonly GraphQLError[]) {
    super('the document is not valid');
  }
}
