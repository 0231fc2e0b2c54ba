import { describe, expect, it } from 'vitest';
import { toJsonSchemas } from './openapi-schemas.js';

const componentsOf = (schema: object): object => ({ components: { schemas: { Key: schema } } });

describe('schemas of OpenAPI 3.0 as 3.1 has them', () => {
  it('gives what may be null a type for it', () => {
    expect(toJsonSchemas(componentsOf({ type: 'string', nullable: true }))).toEqual(
      componentsOf({ type: ['string', 'null'] }),
    );
    expect(toJsonSchemas(componentsOf({ type: 'string', nullable: false }))).toEqual(
      componentsOf({ type: 'string' }),
    );
  });

  it.each([
    ['a member', (schema: object) => ({ type: 'object', properties: { name: schema } })],
    ['an element', (schema: object) => ({ type: 'array', items: schema })],
    ['any other member', (schema: object) => ({ type: 'object', additionalProperties: schema })],
    ['a choice', (schema: object) => ({ oneOf: [{ type: 'integer' }, schema] })],
  ])('lists the example of %s', (_, within) => {
    const before = componentsOf(within({ type: 'string', example: 'x' }));
    expect(toJsonSchemas(before)).toEqual(componentsOf(within({ type: 'string', examples: ['x'] })));
  });

  it('reaches the schemas of parameters and bodies', () => {
    const before = { get: { parameters: [{ name: 'limit', schema: { type: 'integer', example: 10 } }] } };
    const after = { get: { parameters: [{ name: 'limit', schema: { type: 'integer', examples: [10] } }] } };
    expect(toJsonSchemas(before)).toEqual(after);
  });

  it('leaves values alone, whatever their members are called', () => {
    const value = { example: 1, nullable: true, schema: { example: 2 }, properties: { example: 3 } };
    const media = { examples: { one: { summary: 'One', value } } };
    expect(toJsonSchemas(media)).toEqual(media);
    expect(toJsonSchemas(componentsOf({ type: 'object', example: value }))).toEqual(
      componentsOf({ type: 'object', examples: [value] }),
    );
  });

  it('takes a member called example for a member', () => {
    const schema = componentsOf({ type: 'object', properties: { example: { type: 'string' } } });
    expect(toJsonSchemas(schema)).toEqual(schema);
  });

  it('keeps schemas that are a mere yes or no', () => {
    const schema = componentsOf({ type: 'object', additionalProperties: false });
    expect(toJsonSchemas(schema)).toEqual(schema);
  });
});
