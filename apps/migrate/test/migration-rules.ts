/** A statement that would hold up others, or take from the version before what it uses, and how it is done instead. */
interface Rule {
  /** Its first group is the table or function. */
  readonly pattern: RegExp;
  readonly problem: (table: string) => string;
}

const IN_USE = 'the version before uses it while both run: leave it, and take it away one version later.';
const RULES: readonly Rule[] = [
  {
    pattern: /^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (?:ONLY )?([\w.]+)/i,
    problem: (table) =>
      `an index of ${table} is built while nobody can write: put it into \`indexes\` of the migration.`,
  },
  {
    pattern: /^ALTER TABLE (?:ONLY )?([\w.]+) ADD (?:CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY)\b(?!.* NOT VALID)/i,
    problem: (table) =>
      `a constraint of ${table} is checked under a lock: add it NOT VALID, and validate it in the migration after.`,
  },
  {
    pattern: /^ALTER TABLE (?:ONLY )?([\w.]+) .*?\bADD (?:COLUMN )?.*\bNOT NULL\b(?!.*\bDEFAULT\b)/i,
    problem: (table) => `a column of ${table} is one that the version before does not write: give it a default.`,
  },
  {
    pattern:
      /^ALTER TABLE (?:ONLY )?([\w.]+) .*?\bADD COLUMN .*\bDEFAULT (?:gen_random_uuid|random|clock_timestamp|nextval)\b/i,
    problem: (table) =>
      `a column of ${table} gets a value of its own in each row, which writes the table anew: fill it in batches.`,
  },
  {
    pattern: /^ALTER TABLE (?:ONLY )?([\w.]+) .*?\bALTER (?:COLUMN )?\w+ (?:SET NOT NULL|(?:SET DATA )?TYPE)\b/i,
    problem: (table) =>
      `a column of ${table} is read or written as a whole under a lock: add a checked constraint, or another column.`,
  },
  {
    pattern: /^ALTER TABLE (?:ONLY )?([\w.]+) .*?\b(?:DROP COLUMN|RENAME)\b/i,
    problem: (table) => `a column of ${table} goes: ${IN_USE}`,
  },
  { pattern: /^DROP TABLE (?:IF EXISTS )?([\w.]+)/i, problem: (table) => `the table ${table} goes: ${IN_USE}` },
  {
    pattern: /^DROP FUNCTION (?:IF EXISTS )?([\w.]+)/i,
    problem: (name) => `the function ${name} goes: ${IN_USE}`,
  },
  {
    pattern: /^LOCK (?:TABLE )?([\w.]+)/i,
    problem: (table) => `the table ${table} is locked for the whole migration.`,
  },
  {
    pattern: /^(?:UPDATE|DELETE FROM) (?:ONLY )?([\w.]+)/i,
    problem: (table) =>
      `rows of ${table} are locked until the migration ends: change them in batches, from the service.`,
  },
];

/** What of a migration's SQL would hold up services that work, or break those of the version before. */
export function problemsOf(sql: string): string[] {
  const statements = statementsOf(sql);
  const made = new Set(
    statements.flatMap(
      (statement) =>
        /^CREATE (?:OR REPLACE )?(?:TABLE|FUNCTION) (?:IF NOT EXISTS )?([\w.]+)/i.exec(statement)?.[1] ?? [],
    ),
  );
  return statements.flatMap((statement) => {
    for (const { pattern, problem } of RULES) {
      const table = pattern.exec(statement)?.[1];
      if (table !== undefined && !made.has(table)) return [problem(table)];
    }
    return [];
  });
}

/** Without comments, texts and the bodies of functions, on one line each. */
function statementsOf(sql: string): string[] {
  return sql
    .replace(/(\$\w*\$).*?\1/gs, `''`)
    .replace(/'(?:[^']|'')*'/g, `''`)
    .replace(/--.*$/gm, '')
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim())
    .filter((statement) => statement !== '');
}
