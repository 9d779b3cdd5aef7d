/** Whether a statement may be about a table. */

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
