import type { Command } from 'commander';
import { addCommonOptions } from '../common-options';
import { json } from '../output/printable';
import type { CommonOptions, Session } from '../session';
import { contentOf, parseJson } from './parse-param';

/** `graphql <document>`: several things in one request; prints its data as JSON. */
export function addGraphQL(program: Command, session: Session): void {
  addCommonOptions(
    program
      .command('graphql')
      .description('Sends a GraphQL document, and prints its data.')
      .argument('<document>', 'the document, @file, or - for standard input')
      .option('--variables <json|@file|->', 'a JSON object'),
  ).action(async (given: string, options: CommonOptions & { readonly variables?: string }) => {
    const readStdin = () => session.readStdin();
    const document = await contentOf(given, '<document>', readStdin);
    const { variables = '{}' } = options;
    const values = parseJson(await contentOf(variables, '--variables', readStdin), '--variables') as Record<
      string,
      never
    >;
    const client = await session.client(options);
    await session.print(json(await client.graphql(document, values, { signal: session.signal }), 2));
  });
}
