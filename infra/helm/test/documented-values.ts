import { isMap, isScalar, parseDocument, type Pair, type Scalar, type YAMLMap } from 'yaml';

/** A value with its line in the documentation. */
export interface DocumentedValue {
  /** `database.host`. */
  readonly path: string;
  readonly default: unknown;
  /** Empty where nobody has written one. */
  readonly comment: string;
}

/** Every value of a values.yaml: what stands alone, and maps that have a comment of their own and hold what a user names. */
export function documentedValues(text: string): DocumentedValue[] {
  return valuesIn(parseDocument(text).contents as YAMLMap, '');
}

function valuesIn(map: YAMLMap, prefix: string): DocumentedValue[] {
  return (map.items as Pair<Scalar<string>>[]).flatMap(({ key, value }, index) => {
    const path = prefix + key.value;
    // The parser gives the comment of a map's first key to the map.
    const own = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? '';
    const comment = own.replace(/^ /gm, '').split('\n\n').at(-1)?.replaceAll('\n', ' ') ?? '';
    if (isMap(value) && !value.flow && isExplained(value)) return valuesIn(value, `${path}.`);
    return [{ path, default: isScalar(value) ? value.value : (value as { toJSON(): unknown }).toJSON(), comment }];
  });
}

/** Whether what is in a map has comments of its own; else the map is one value. */
function isExplained(map: YAMLMap): boolean {
  return (
    (map.commentBefore ?? '') !== '' ||
    (map.items as Pair<Scalar<string>>[]).some(
      ({ key, value }) => key.commentBefore || (isMap(value) && isExplained(value)),
    )
  );
}

/** README.md of the chart. */
export function chartReadme(values: readonly DocumentedValue[]): string {
  const rows = values.map(
    ({ path, default: value, comment }) => `| \`${path}\` | ${shown(value)} | ${comment.replaceAll('|', '\\|')} |`,
  );
  return `<!-- Made from values.yaml by infra/helm/test/chart.spec.ts; do not edit. UPDATE_GENERATED=1 npx jest infra/helm -->

# agent-platform

The platform on Kubernetes: the gateway, the six services behind it, and their migrations. PostgreSQL and NATS are yours; \`values-demo.yaml\` brings small ones up to try it. How it is set up, step by step:
[docs/kubernetes.md](../../../docs/kubernetes.md). What changes between versions: [UPGRADING.md](UPGRADING.md). Examples, each of them rendered by the tests: [ci](ci).

| value | default | what |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '' ? 'none' : `\`${text.replaceAll('|', '\\|')}\``;
}
