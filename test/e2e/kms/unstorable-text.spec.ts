import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, keyPath, type Key } from '../../harness/kms-caller.js';

/** What PostgreSQL stores nowhere, escaped as in JSON. */
const BAD = { 'U+0000': '\\u0000', 'half a surrogate pair': '\\ud800', 'the other half': 'x\\udc00y' };

/** Every place of every body that takes text, with `@` for the text. */
const BODIES: Record<string, readonly [string, string, string]> = {
  'name on creation': ['POST', KEYS, '{"algorithm":"Ed25519","name":"@"}'],
  'algorithm on creation': ['POST', KEYS, '{"algorithm":"@","name":"n"}'],
  'engine on creation': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","engine_id":"@"}'],
  'tag on creation': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","tags":["ok","@"]}'],
  'metadata value': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","metadata":{"a":"@"}}'],
  'metadata value, deep': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","metadata":{"a":[{"b":"@"}]}}'],
  'metadata member': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","metadata":{"@":1}}'],
  'metadata member, deep': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","metadata":{"a":[{"@":1}]}}'],
  'unknown member': ['POST', KEYS, '{"algorithm":"Ed25519","name":"n","@":1}'],
  'name on import': ['POST', `${KEYS}/import`, '{"name":"@","public_key":"AAAA"}'],
  'private key': ['POST', `${KEYS}/import`, '{"name":"n","private_key":"@"}'],
  passphrase: ['POST', `${KEYS}/import`, '{"name":"n","private_key":"AAAA","passphrase":"@"}'],
  'new name': ['PUT', '{key}/name', '{"name":"@"}'],
  'new tag': ['PUT', '{key}/tags', '{"tags":["@"]}'],
  'new alias': ['PUT', '{key}/alias', '{"patches":[{"op":"add","path":"/-","value":"@"}]}'],
  'patched value': ['PUT', '{key}/metadata', '{"patches":[{"op":"add","path":"/a","value":"@"}]}'],
  'patched member': ['PUT', '{key}/metadata', '{"patches":[{"op":"add","path":"/a","value":{"@":1}}]}'],
  'path of a patch': ['PUT', '{key}/metadata', '{"patches":[{"op":"add","path":"/@","value":1}]}'],
  'from of a patch': ['PUT', '{key}/metadata', '{"patches":[{"op":"copy","from":"/@","path":"/a"}]}'],
  'op of a patch': ['PUT', '{key}/metadata', '{"patches":[{"op":"@","path":"/a"}]}'],
  'test of a patch': ['PUT', '{key}/metadata', '{"patches":[{"op":"test","path":"","value":"@"}]}'],
  'signature algorithm': ['POST', '{key}/sign', '{"algorithm":"@","message":"AAAA"}'],
  message: ['POST', '{key}/sign', '{"algorithm":"ES256","message":"@"}'],
  'message type': ['POST', '{key}/sign', '{"algorithm":"ES256","message":"AAAA","message_type":"@"}'],
  signature: ['POST', '{key}/verify', '{"algorithm":"ES256","message":"AAAA","signature":"@"}'],
  'reference in a batch': [
    'POST',
    `${KEYS}/batch/sign`,
    '[{"key":"{id}","algorithm":"ES256","message":"AAAA","reference":"@"}]',
  ],
  'subject of a request': ['POST', '{key}/csr', '{"subject":"CN=@"}'],
  'host name of a request': ['POST', '{key}/csr', '{"subject":"CN=x","dns_names":["@"]}'],
  'URI of a request': ['POST', '{key}/csr', '{"subject":"CN=x","uris":["https://example.org/@"]}'],
};

describe('text that cannot be stored', () => {
  let app: TestApp;
  let client: KmsCaller;
  let key: Key;

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    key = await client.create();
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe.each(Object.entries(BAD))('%s', (_, escaped) => {
    it.each(Object.entries(BODIES))('400 as %s, and nothing changes', async (_name, [method, path, body]) => {
      const before = [await client.read(key.key_id), await client.stats()];
      const raw = body.replace('@', escaped).replace('{id}', key.key_id);
      const answer = await client.send(method, path.replace('{key}', keyPath(key.key_id)), raw);
      expect([answer.status, typeof answer.body.detail]).toEqual([400, 'string']);
      expect([await client.read(key.key_id), await client.stats()]).toEqual(before);
    });

    it('the name of no key in a batch', async () => {
      const raw = `[{"key":"${escaped}","algorithm":"ES256","message":"AAAA"}]`;
      const answer = await client.send('POST', `${KEYS}/batch/sign`, raw);
      expect(answer.body).toMatchObject([{ code: 'not_found' }]);
    });
  });

  it.each([
    ['filter=name[eq]%00', 400],
    ['filter=tags[ct]a%00b', 400],
    ['filter=metadata.%00[eq]x', 400],
    ['filter=metadata[jsonpath]$.a%20==%20%22%00%22', 400],
    ['filter=metadata[jsonpath]$.a%20==%20%22%5Cu0000%22', 400],
    ['filter=metadata[jsonpath]$.a%20==%20%22%5Cud800%22', 400],
    ['sort_by=metadata.%00', 400],
    ['sort_by=%00', 400],
    ['bookmark=%00', 400],
    ['limit=%00', 400],
    ['%00=x', 400],
  ])('%s: %i', async (query, status) => {
    const answer: Answer = await client.call('GET', `${KEYS}?${query}`);
    expect([answer.status, typeof answer.body.detail]).toEqual([status, 'string']);
  });
});
