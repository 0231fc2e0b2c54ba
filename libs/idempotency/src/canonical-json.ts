const sorted = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** A JSON value as one text, whatever the order that members of its objects came in. */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, sorted) ?? 'null';
