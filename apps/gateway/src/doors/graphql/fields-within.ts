import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

const known = new WeakMap<SelectionSetNode, number>();

/** How many fields are asked for of each thing that a field gives, fragments looked through. */
export function fieldsWithin({ fieldNodes, fragments }: Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>): number {
  const count = (selectionSet: SelectionSetNode | undefined): number => {
    if (!selectionSet) return 0;
    let fields = known.get(selectionSet);
    if (fields === undefined) {
      fields = selectionSet.selections.reduce((sum, node) => {
        if (node.kind === Kind.FIELD) return sum + 1 + count(node.selectionSet);
        const inner = node.kind === Kind.INLINE_FRAGMENT ? node : fragments[node.name.value];
        return sum + count(inner?.selectionSet);
      }, 0);
      known.set(selectionSet, fields);
    }
    return fields;
  };
  return fieldNodes.reduce((sum, { selectionSet }) => sum + count(selectionSet), 0);
}
