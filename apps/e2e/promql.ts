import { parser } from '@prometheus-io/lezer-promql';

/** What an expression reads. */
export interface Reads {
  readonly metrics: readonly {
    readonly name: string;
    readonly matchers: readonly { readonly label: string; readonly equals: string | undefined }[];
  }[];
  /** Labels that it groups by. */
  readonly grouping: readonly string[];
}

/** Reads an expression of PromQL, or of a Grafana panel. @throws Error where it is none */
export function readPromql(expression: string): Reads {
  const text = expression.replaceAll('$__rate_interval', '5m');
  const metrics: { name: string; matchers: { label: string; equals: string | undefined }[] }[] = [];
  const grouping: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, name, from, to, node }) => {
      if (type.isError) throw new Error(`no PromQL from "${text.slice(from, from + 30)}" on: ${text}`);
      const shown = text.slice(from, to);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.push({ name: shown, matchers: [] });
      if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') grouping.push(shown);
      if (name === 'UnquotedLabelMatcher') {
        const [, label = '', operator, value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(shown) ?? [];
        metrics.at(-1)?.matchers.push({ label, equals: operator === '=' ? value : undefined });
      }
    },
  });
  return { metrics, grouping };
}
