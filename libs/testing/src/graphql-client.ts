/** An error of a GraphQL answer, with the problem in `extensions`. */
export interface GraphQLTestError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string; readonly status?: number; readonly [field: string]: unknown };
}

export interface GraphQLAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly data?: never; readonly errors?: readonly GraphQLTestError[]; readonly code?: string };
}

/** Sends a document to `/graphql` as one agent. */
export async function graphql(
  gateway: string,
  key: string,
  query: string,
  variables: object = {},
  headers: Record<string, string> = {},
): Promise<GraphQLAnswer> {
  const response = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as GraphQLAnswer['body'] };
}
