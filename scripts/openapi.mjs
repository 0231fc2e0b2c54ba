/**
 * Writes docs/openapi/claviger.json from the built program (`node scripts/build.mjs` first), without a database.
 * With --check it writes nothing and fails where the committed file differs. Both fail where the description
 * is not valid OpenAPI 3.1 or leaves out what readers need.
 */
import 'reflect-metadata';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Validator } from '@seriousme/openapi-schema-validator';

const FILE = fileURLToPath(new URL('../docs/openapi/claviger.json', import.meta.url));
const METHODS = ['get', 'put', 'post', 'patch', 'delete', 'head', 'options', 'trace'];
const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'];

const built = (path) => import(new URL(`../dist/apps/api/src/${path}`, import.meta.url));

/** The description as the program serves it. Whatever a controller asks for is there, and inert. */
async function describe() {
  const { AppModule } = await built('app.module.js');
  const { buildOpenApi } = await built('openapi.js');
  const options = { metricsOnMainPort: true };
  const wanted = AppModule.of([], options).controllers.flatMap(
    (controller) => Reflect.getMetadata('design:paramtypes', controller) ?? [],
  );
  const providers = [...new Set(wanted)].map((provide) => ({ provide, useValue: {} }));
  const app = await NestFactory.create(AppModule.of(providers, options), new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  try {
    return sorted(buildOpenApi(app));
  } finally {
    await app.close();
  }
}

/** Paths and schemas by name, so that moving a controller changes nothing. */
function sorted({ openapi, info, servers, tags, paths, components, ...rest }) {
  const byName = (members) =>
    Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
  const schemas = byName(components.schemas);
  return {
    openapi,
    info,
    servers,
    tags,
    paths: byName(paths),
    components: { ...components, schemas },
    ...rest,
  };
}

const operationsOf = (document) =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [
      `${method.toUpperCase()} ${path}`,
      item[method],
    ]),
  );

/** Every schema of a document, with the place where it stands. */
function* schemasOf(node, place = '') {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === 'schema') yield* subschemas(value, `${place}/schema`);
    else if (name === 'schemas')
      for (const [key, one] of Object.entries(value)) yield* subschemas(one, `${place}/schemas/${key}`);
    else if (name !== 'example' && name !== 'examples') yield* schemasOf(value, `${place}/${name}`);
  }
}

function* subschemas(schema, place) {
  if (typeof schema !== 'object' || schema === null) return;
  yield [place, schema];
  for (const name of ['items', 'additionalProperties', 'not'])
    yield* subschemas(schema[name], `${place}/${name}`);
  for (const name of ['oneOf', 'anyOf', 'allOf'])
    for (const [index, one] of (schema[name] ?? []).entries())
      yield* subschemas(one, `${place}/${name}/${index}`);
  for (const [name, one] of Object.entries(schema.properties ?? {}))
    yield* subschemas(one, `${place}/properties/${name}`);
}

const resolved = (document, schema) =>
  schema?.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)] : schema;

/** What OpenAPI 3.1 took from JSON Schema 2020-12 and the validator lets pass. */
function schemaFaults(document, [place, schema]) {
  const faults = [];
  if (schema.$ref && !resolved(document, schema)) faults.push(`${place}: ${schema.$ref} is not there`);
  for (const old of ['nullable', 'example'])
    if (old in schema) faults.push(`${place}: \`${old}\` is of OpenAPI 3.0`);
  for (const bound of ['exclusiveMinimum', 'exclusiveMaximum'])
    if (typeof schema[bound] === 'boolean')
      faults.push(`${place}: \`${bound}\` is a number since OpenAPI 3.1`);
  for (const type of [schema.type ?? []].flat())
    if (!TYPES.includes(type)) faults.push(`${place}: type ${type} does not exist`);
  if ('examples' in schema && !Array.isArray(schema.examples))
    faults.push(`${place}: \`examples\` of a schema is a list`);
  return faults;
}

/** Whether a reader is shown a body that works: one whole, or each member that must be there. */
function hasExample(document, media) {
  if (media.example !== undefined || Object.keys(media.examples ?? {}).length > 0) return true;
  const schema = resolved(document, media.schema);
  if (!schema || schema.examples) return true;
  const object = schema.type === 'array' ? resolved(document, schema.items) : schema;
  return (object.required ?? []).every((name) => resolved(document, object.properties[name]).examples);
}

function operationFaults(document, [name, operation]) {
  const faults = [];
  const needs = (holds, what) => holds || faults.push(`${name}: ${what}`);
  needs(operation.operationId, 'no operationId');
  needs(operation.summary, 'no summary');
  needs(operation.tags?.length === 1, 'not in one group (tag)');
  const secured = (operation.security ?? []).some((scheme) => Object.keys(scheme).length > 0);
  needs(secured !== (operation['x-public'] === true), 'must be either secured or public');
  needs(!secured || operation['x-permission'], 'says no permission');
  for (const status of secured ? ['401', '403'] : [])
    needs(operation.responses[status], `no ${status} response`);
  for (const [type, media] of Object.entries(operation.requestBody?.content ?? {}))
    needs(hasExample(document, media), `no example of the ${type} body`);
  return faults;
}

async function faultsOf(document) {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  const operations = operationsOf(document);
  const ids = operations.map(([, { operationId }]) => operationId);
  return [
    ...(valid ? [] : [`not valid: ${JSON.stringify(errors, null, 2)}`]),
    ...(/^3\.1\.\d+$/.test(document.openapi) ? [] : [`openapi is ${document.openapi}, not 3.1`]),
    ...ids
      .filter((id, index) => ids.indexOf(id) !== index)
      .map((id) => `operationId ${id} is used more than once`),
    ...operations.flatMap((operation) => operationFaults(document, operation)),
    ...[...schemasOf(document)].flatMap((schema) => schemaFaults(document, schema)),
  ];
}

function committed() {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return undefined;
  }
}

const document = await describe();
const faults = await faultsOf(document);
const text = `${JSON.stringify(document, null, 2)}\n`;
if (process.argv.includes('--check')) {
  if (committed() !== text)
    faults.push(
      'docs/openapi/claviger.json is not what the program describes: run `npm run generate` and commit it',
    );
} else if (faults.length === 0) {
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, text);
}
for (const fault of faults) console.error(fault);
console.log(`${operationsOf(document).length} operations, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
