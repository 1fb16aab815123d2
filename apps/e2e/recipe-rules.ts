import { DockerfileParser, type Copy, type From, type Instruction, type Label } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';

const LABELS = ['title', 'description', 'licenses', 'source', 'version', 'revision', 'created'];
const SECRET_NAME = /PASSWORD|SECRET|TOKEN|(^|_)KEY/;
/** A version to the last digit, or a digest. */
const PINNED = /(:\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$/;

/** What is wrong with a recipe of an image, by the rules that ours keeps. */
export function problemsOfRecipe(text: string): string[] {
  const recipe = DockerfileParser.parse(text);
  const problems = validate(text).map(
    ({ message, range }) => `line ${range.start.line + 1}: ${JSON.stringify(message)}`,
  );
  const instructions = recipe.getInstructions();
  const froms = recipe.getFROMs();
  const last = froms.at(-1);
  if (!last) return [...problems, 'there is no stage'];
  const defaults = new Map(
    recipe.getInitialARGs().map((argument) => {
      const property = argument.getProperty();
      return [property?.getName() ?? '', property?.getValue() ?? ''];
    }),
  );
  for (const from of froms) {
    const image = imageOf(from, defaults);
    if (!PINNED.test(image)) problems.push(`${image} is not pinned to a version`);
  }
  for (const instruction of instructions) problems.push(...problemsOf(instruction));
  const startsAt = last.getRange().start.line;
  const ofImage = instructions.filter((each) => each.getRange().start.line >= startsAt);
  return [...problems, ...problemsOfLastStage(ofImage)];
}

function imageOf(from: From, defaults: ReadonlyMap<string, string>): string {
  const image = from.getImage() ?? '';
  return image.replace(/\$\{(\w+)\}/g, (_whole, name: string) => defaults.get(name) ?? '');
}

function problemsOf(instruction: Instruction): string[] {
  const [keyword, content] = [instruction.getKeyword(), instruction.getArgumentsContent() ?? ''];
  const problems: string[] = [];
  if (keyword === 'ADD') problems.push('ADD fetches and unpacks; use COPY');
  if (keyword === 'RUN' && /\bnpm\b/.test(content) && !/\bnpm"?,? "?ci\b/.test(content))
    problems.push('packages come from the lock alone: npm ci');
  if (['ARG', 'ENV'].includes(keyword)) {
    const names = [...content.matchAll(/(?:^|\s)(\w+)(?==|$)/g)].map(([, name = '']) => name);
    for (const name of names) if (SECRET_NAME.test(name)) problems.push(`${name} would be kept in the image`);
  }
  return problems;
}

function problemsOfLastStage(instructions: readonly Instruction[]): string[] {
  const last = (keyword: string) => instructions.findLast((each) => each.getKeyword() === keyword);
  const contentOf = (keyword: string) => last(keyword)?.getArgumentsContent() ?? '';
  const problems: string[] = [];
  const must = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  must(/^[1-9]\d*:[1-9]\d*$/.test(contentOf('USER')), 'USER must be numbers other than 0');
  must(contentOf('ENTRYPOINT').startsWith('['), 'ENTRYPOINT must need no shell');
  must(contentOf('STOPSIGNAL') === 'SIGTERM', 'STOPSIGNAL must be SIGTERM');
  must(contentOf('HEALTHCHECK') === 'NONE', 'HEALTHCHECK must be NONE: probes are the orchestrator’s');
  must(contentOf('WORKDIR').startsWith('/'), 'WORKDIR must be absolute');
  must(last('RUN') === undefined, 'nothing runs in the last stage');
  for (const copy of instructions.filter((each) => each.getKeyword() === 'COPY')) {
    const flags = new Map((copy as Copy).getFlags().map((flag) => [flag.getName(), flag.getValue() ?? '']));
    must(flags.has('from'), 'the last stage takes from other stages alone');
    must(/^(0|root)?(:|$)/.test(flags.get('chown') ?? ''), 'what the image runs is not its user’s to change');
  }
  const labels = instructions
    .filter((each) => each.getKeyword() === 'LABEL')
    .flatMap((each) => (each as Label).getProperties().map((property) => property.getName()));
  for (const name of LABELS)
    must(labels.includes(`org.opencontainers.image.${name}`), `the label org.opencontainers.image.${name} is missing`);
  return problems;
}
