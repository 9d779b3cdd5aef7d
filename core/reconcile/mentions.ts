/** What statements without row images may have done to which tables. */

/** Logged, and changes no row. */
const HARMLESS = /^\s*(FLUSH|ANALYZE|OPTIMIZE|REPAIR|CHECK)\b/i;
/** Changes a table's shape: images tell by themselves whether they still fit it. Partitions are rows. */
const SHAPE = /^\s*(ALTER\s+TABLE\b(?!.*\bPARTITION)|CREATE\s+(UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?INDEX\b|DROP\s+INDEX\b)/is;

export const isHarmless = (statement: string): boolean => HARMLESS.test(statement);
/** It may have changed rows of the tables that it is about. */
export const changesRows = (statement: string): boolean => !HARMLESS.test(statement) && !SHAPE.test(statement);

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const bare = (name: string): string => (name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name);

/** Longer ones are full of values. */
const CHARACTERS_MAX = 1 << 16;

/** It names the table, under its schema's name or under none. `table`: `schema.table`. */
export function mentions(text: string, table: string): boolean {
  const statement = text.slice(0, CHARACTERS_MAX);
  const dot = table.indexOf('.');
  const schema = table.slice(0, dot).toLowerCase();
  const name = escaped(table.slice(dot + 1));
  const pattern = new RegExp(
    `(?:(\`(?:[^\`]|\`\`)+\`|[\\w$\\u0080-\\uffff]+)\\s*\\.\\s*)?(?:\`${name}\`|(?<![\\w$\`.\\u0080-\\uffff])${name}(?![\\w$\`\\u0080-\\uffff])|(?<=\\.\\s*)${name}(?![\\w$\`\\u0080-\\uffff]))`,
    'giu',
  );
  for (const match of statement.matchAll(pattern)) if (match[1] === undefined || bare(match[1]).toLowerCase() === schema) return true;
  // a statement about a whole schema
  return new RegExp(`\\b(?:DATABASE|SCHEMA)\\b[^;]*?[\\s\`]${escaped(schema)}\\b`, 'iu').test(statement);
}
