import { AgentPlatformError } from './errors';
import type { JsonObject, ProblemCode } from './generated/types';
import type { CallOptions, Sender } from './sender';

/** One error of a GraphQL answer. */
export interface GraphQLFailure {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string; readonly status?: number; readonly [field: string]: unknown };
}

/** Of a document some of whose fields could not be answered: `data` holds the others. */
export class GraphQLRequestError extends AgentPlatformError {
  constructor(
    readonly failures: readonly GraphQLFailure[],
    readonly data: unknown,
  ) {
    const [first] = failures;
    const { code = 'graphql.document.invalid', ...details } = first?.extensions ?? {};
    super(code as ProblemCode, first?.message ?? 'The document could not be executed.', details);
  }
}

/** Sends a document to `/graphql`. @throws GraphQLRequestError where the answer has errors */
export async function requestGraphQL<Data>(
  sender: Sender,
  query: string,
  variables: JsonObject = {},
  options: CallOptions = {},
): Promise<Data> {
  const body = JSON.stringify({ query, variables });
  // A mutation takes an idempotency key and a signature; for a query neither does harm.
  const { body: answer } = await sender.send({ method: 'POST', path: '/graphql', body, changes: true }, options);
  const { data, errors } = answer as { data?: Data; errors?: readonly GraphQLFailure[] };
  if (errors && errors.length > 0) throw new GraphQLRequestError(errors, data ?? null);
  return data as Data;
}
