type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mapMembers = (node: unknown, map: (value: unknown, name: string) => unknown): unknown =>
  isNode(node)
    ? Object.fromEntries(Object.entries(node).map(([name, value]) => [name, map(value, name)]))
    : node;

const one = (value: unknown): unknown => toJsonSchema(value);
const each = (value: unknown): unknown => (Array.isArray(value) ? value.map(toJsonSchema) : value);
const members = (value: unknown): unknown => mapMembers(value, one);

/** The members of a schema that hold schemas. Others are values: an example may have a member called `schema`. */
const NESTED = new Map([
  ['items', one],
  ['additionalProperties', one],
  ['properties', members],
  ['oneOf', each],
  ['anyOf', each],
  ['allOf', each],
]);

/** OpenAPI 3.0 says `nullable` and `example`; 3.1 is JSON Schema, which has a type for the one and a list of the other. */
function toJsonSchema(schema: unknown): unknown {
  if (!isNode(schema)) return schema;
  const { nullable, example, ...rest } = schema;
  return {
    ...(mapMembers(rest, (value, name) => NESTED.get(name)?.(value) ?? value) as Node),
    ...(nullable === true && { type: [rest['type'], 'null'] }),
    ...(example !== undefined && { examples: [example] }),
  };
}

const VALUES: ReadonlySet<string> = new Set(['example', 'examples']);

/** A description of an API with each schema in it as OpenAPI 3.1 has them. */
export function toJsonSchemas(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toJsonSchemas);
  return mapMembers(node, (value, name) => {
    if (name === 'schema') return toJsonSchema(value);
    if (name === 'schemas') return members(value);
    return VALUES.has(name) ? value : toJsonSchemas(value);
  });
}
