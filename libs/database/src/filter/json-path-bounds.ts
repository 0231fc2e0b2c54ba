/** Each of these can make many items of one, again and again along a path: memory that no timeout bounds. */
const MULTIPLYING = /\*\*|keyvalue|,/gi;
const MULTIPLYING_STEPS = 4;

const STRING = /"(?:\\.|[^"\\])*"/gs;

/**
 * What is expected of a SQL/JSON path but not so of `path`; undefined when it is within bounds. Without a
 * bound on steps, ten `.keyvalue()` in a row take PostgreSQL a gigabyte for one small document. Backslashes
 * and comments outside strings could hide such steps.
 */
export function jsonPathFault(path: string): string | undefined {
  const syntax = path.replace(STRING, '""');
  if (syntax.includes('\\') || syntax.includes('/*')) {
    return 'expected no backslash and no comment outside the strings of a SQL/JSON path';
  }
  return (syntax.match(MULTIPLYING)?.length ?? 0) > MULTIPLYING_STEPS
    ? `expected at most ${MULTIPLYING_STEPS} of **, keyvalue() and commas in a SQL/JSON path`
    : undefined;
}
