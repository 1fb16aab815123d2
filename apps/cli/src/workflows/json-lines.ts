/** The lines, from 1, on which the values of a JSON text begin, by JSON pointer (RFC 6901); the whole text is ''. */
export function linesOf(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  // Tokens are enough: the text was parsed before, and is JSON.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|\n/g;
  const open: { readonly isList: boolean; index: number; key: string }[] = [];
  let line = 1;
  let expectsKey = false;
  const pointer = () =>
    open
      .map(({ isList, index, key }) => `/${isList ? index : key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join('');
  const begin = () => {
    if (!lines.has(pointer())) lines.set(pointer(), line);
  };
  for (const [token] of text.matchAll(tokens)) {
    const around = open.at(-1);
    if (token === '\n') line++;
    else if (token === '{' || token === '[') {
      begin();
      open.push({ isList: token === '[', index: 0, key: '' });
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      expectsKey = false;
    } else if (token === ',') {
      if (around?.isList) around.index++;
      else expectsKey = true;
    } else if (expectsKey && around) {
      around.key = JSON.parse(token) as string;
      expectsKey = false;
      // The line of a field is that of its name.
      lines.set(pointer(), line);
    } else if (token !== ':') begin();
  }
  return lines;
}

/** Line and column of an error of `JSON.parse`, as far as it says where. */
export function placeOfError(text: string, { message }: Error): string {
  const position = /position (\d+)/.exec(message)?.[1];
  const before = text.slice(0, position === undefined ? text.length : Number(position)).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
