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
    // Of a document that was answered in part, only its caller knows what is worth to be asked again.
    const isUnanswered = Object.values(data ?? {}).every((field) => field === null);
    const retryable = isUnanswered && failures.every(({ extensions }) => extensions?.retryable === true);
    super(code as ProblemCode, first?.message ?? 'The document could not be executed.', { ...details, retryable });
  }
}

/** The longest that an action within a document may be asked to take. */
const WAIT_MS = 100_000;

/** Sends a document to `/graphql`; again where nothing of it could be answered, and that may help. @throws GraphQLRequestError where the answer has errors */
export async function requestGraphQL<Data>(
  sender: Sender,
  query: string,
  variables: JsonObject = {},
  options: CallOptions = {},
): Promise<Data> {
  const body = JSON.stringify({ query, variables });
  // A mutation takes an idempotency key and a signature; for a query neither does harm.
  const request = { method: 'POST', path: '/graphql', body, changes: true, waitMs: WAIT_MS, failureOf };
  const { body: answer } = await sender.send(request, options);
  return (answer as { data: Data }).data;
}

function failureOf(answer: unknown): GraphQLRequestError | undefined {
  const { data, errors = [] } = (answer ?? {}) as { data?: unknown; errors?: readonly GraphQLFailure[] };
  return errors.length > 0 ? new GraphQLRequestError(errors, data ?? null) : undefined;
}
