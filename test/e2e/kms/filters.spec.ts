import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, refusal, type Key, type KeyPage } from '../../harness/kms-caller.js';
import { MIXED_ENGINES, plantMixedKeys } from '../../harness/mixed-keys.js';

const TENANT = 'acme';

/** Filters, each with the keys that it finds, named by the ends of their ids. */
const FINDS: Record<string, readonly (readonly [string, string])[]> = {
  'text: key_id': [
    ['key_id[eq]key-3', '3'],
    ['key_id[in]key-1,key-4,key-9', '14'],
    ['key_id[ct]ey-2', '2'],
  ],
  'text: name': [
    ['name[eq]Alpha', '1'],
    ['name[equal]Alpha', '1'],
    ['name[EQ]Alpha', '1'],
    ['name[eq]alpha', ''],
    ['name[eq_ic]ALPHA', '1'],
    ['name[equal_ic]alpha', '1'],
    ['name[eq_ignorecase]alpha', '1'],
    ['name[equal_ignorecase]alpha', '1'],
    ['name[ne]Alpha', '23456'],
    ['name[notequal]Alpha', '23456'],
    ['name[ne_ic]alpha', '23456'],
    ['name[notequal_ignorecase]ALPHA', '23456'],
    ['name[ct]lpha', '12'],
    ['name[contains]alpha', '2'],
    ['name[ct_ic]ALPHA', '12'],
    ['name[contains_ic]alpha', '12'],
    ['name[contains_ignorecase]alpha', '12'],
    ['name[nc]lpha', '3456'],
    ['name[notcontains]lpha', '3456'],
    ['name[nc_ic]ALPHA', '3456'],
    ['name[notcontains_ignorecase]ALPHA', '3456'],
    ['name[in]Alpha,beta_1', '14'],
    ['name[in_ic]ALPHA,ALPHA-2', '12'],
    ['name[in_ignorecase]alpha', '1'],
    ['name[nin]Alpha,beta_1', '2356'],
    ['name[notin]Alpha', '23456'],
    ['name[nin_ic]ALPHA,BETA_1', '2356'],
    ['name[notin_ignorecase]alpha', '23456'],
    ['name[ct]%', '3'],
    ['name[ct]_', '4'],
    ['name[ct]a%', '3'],
    ['name[eq]beta_', ''],
    ['name[eq]"gamma;delta"', '5'],
    ['name[in]"gamma;delta",Alpha', '15'],
    ['name[ct]"\\"six\\""', '6'],
    ['name[ct]"six"', '6'],
    ['name[ct_ic]ωMEGA', '6'],
    ['name[eq]""', ''],
    ['name[ct]\\', ''],
  ],
  'text: engine, algorithm, state, origin': [
    ['engine_id[eq]hsm', '34'],
    ['engine_id[ne]hsm', '1256'],
    ['algorithm[eq]ECDSA', '23'],
    ['algorithm[in]RSA,Ed25519', '146'],
    ['algorithm[ct]EC', '235'],
    ['state[eq]disabled', '5'],
    ['state[ne]disabled', '12346'],
    ['state[eq]destroyed', ''],
    ['origin[eq]imported', '6'],
  ],
  'lists: a whole element': [
    ['tags[ct]prod', '1'],
    ['tags[contains]prod', '1'],
    ['tags[ct_ic]prod', '12'],
    ['tags[contains_ignorecase]PROD', '12'],
    ['tags[nc]prod', '23456'],
    ['tags[notcontains]PROD', '13456'],
    ['tags[ct]pro', ''],
    ['tags[ct]"a;b"', '5'],
    ['tags[ct]x,y', '5'],
    ['aliases[ct]primary', '1'],
    ['aliases[ct]team/a', '1'],
    ['aliases[ct_ic]SECONDARY', '2'],
    ['aliases[nc]primary', '23456'],
  ],
  'numbers: size': [
    ['size[eq]256', '2456'],
    ['size[equal]2048', '1'],
    ['size[ne]256', '13'],
    ['size[notequal]256', '13'],
    ['size[lt]384', '2456'],
    ['size[lessthan]384', '2456'],
    ['size[le]384', '23456'],
    ['size[lessequal]384', '23456'],
    ['size[lessorequal]384', '23456'],
    ['size[gt]384', '1'],
    ['size[greaterthan]384', '1'],
    ['size[ge]384', '13'],
    ['size[greaterequal]384', '13'],
    ['size[greaterorequal]3.84e2', '13'],
  ],
  dates: [
    ['creation_ts[bf]2025-02-01', '12'],
    ['creation_ts[before]2025-02-01T00:00:00Z', '12'],
    ['creation_ts[af]2025-03-01', '56'],
    ['creation_ts[after]2025-02-28T23:59:59.999Z', '456'],
    ['creation_ts[eq]2025-01-02T12:00:00.5Z', '2'],
    ['creation_ts[eq]2025-01-02T13:00:00.500+01:00', '2'],
    ['creation_ts[eq]2025-02-01', '3'],
    ['creation_ts[af]2025-01-31T23:59:59Z;creation_ts[bf]2025-04-01', '34'],
    ['updated_ts[bf]2025-03-15', '1234'],
    ['last_used_ts[af]2025-05-01', '2'],
    ['last_used_ts[bf]2025-05-01', ''],
  ],
  booleans: [
    ['has_private_key[eq]false', '6'],
    ['has_private_key[ne]false', '12345'],
    ['has_private_key[equal]true', '12345'],
    ['has_private_key[notequal]true', '6'],
  ],
  'members of metadata': [
    ['metadata.owner[eq]team-a', '1'],
    ['metadata.owner[eq_ic]TEAM-A', '12'],
    ['metadata.owner[ne]team-a', '23456'],
    ['metadata.owner[ct]eam', '12'],
    ['metadata.owner[nc]eam', '3456'],
    ['metadata.owner[in]team-a,5', '13'],
    ['metadata.owner[nin]team-a,5', '2456'],
    ['metadata.owner[eq]5', '3'],
    ['metadata.owner[eq]5.0', '3'],
    ['metadata.owner[exists]', '12345'],
    ['metadata.owner[exists]true', '12345'],
    ['metadata.owner[exists]false', '6'],
    ['metadata.owner[eq]o"q', '5'],
    ['metadata.retries[gt]3', '2'],
    ['metadata.retries[ge]3', '12'],
    ['metadata.retries[lt]10', '1'],
    ['metadata.retries[le]10', '12'],
    ['metadata.retries[eq]7', '3'],
    ['metadata.enabled[eq]true', '12'],
    ['metadata.location.site[eq]berlin', '1'],
    ['metadata.location.site[in]berlin,oslo', '12'],
    ['metadata.location.floor[gt]1', '2'],
    ['metadata.location[exists]', '124'],
    ['metadata.list.site[exists]', ''],
    ['metadata."cost.center"[eq]4711', '5'],
    ['metadata.cost.center[eq]4711', ''],
    ['metadata.""[eq]nameless', '5'],
  ],
  'SQL/JSON paths': [
    ['metadata[jsonpath]$.owner == "team-a"', '1'],
    ['metadata[jsonpath]$.retries > 3', '2'],
    ['metadata[jsonpath]$.owner like_regex "^team" flag "i"', '12'],
    ['metadata[jsonpath]$.list[*] ? (@ == 2)', '3'],
    ['metadata[jsonpath]$.** ? (@.site == "berlin")', '13'],
    ['metadata[jsonpath]exists($.location.site)', '12'],
    ['metadata[jsonpath]$.owner == "a;b" || $.retries == 3', '1'],
    ['metadata[jsonpath]$."cost.center" == "4711"', '5'],
    ['metadata[jsonpath]strict $.missing == 1', ''],
  ],
  'several conditions': [
    ['algorithm[eq]ECDSA;engine_id[eq]hsm', '3'],
    ['tags[ct]prod;algorithm[eq]RSA;metadata.owner[eq]team-a', '1'],
    ['tags[ct]prod;tags[ct]sign', '1'],
    ['tags[ct]prod;tags[ct]PROD', ''],
    ['tags[ct]prod;metadata.owner[eq]Team-A', ''],
    ['name[ct_ic]alpha;size[gt]256', '1'],
  ],
};

/** Filters that are refused, with what the reason says. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['algorithn[eq]RSA', /unknown field "algorithn"; expected one of algorithm, aliases/],
  ['Algorithm[eq]RSA', /unknown field/],
  ['constructor[eq]x', /unknown field/],
  ['__proto__[eq]x', /unknown field/],
  ['tenant_id[eq]acme', /unknown field/],
  ['spki[eq]x', /unknown field/],
  ['name.first[eq]x', /no members/],
  ['name[like]x', /unknown operator "like".*expected one of eq/],
  ['tags[eq]prod', /unknown operator "eq"/],
  ['tags[in]prod', /unknown operator/],
  ['size[ct]2', /unknown operator/],
  ['creation_ts[gt]2025-01-01', /unknown operator/],
  ['has_private_key[ct]true', /unknown operator/],
  ['metadata[eq]x', /unknown operator/],
  ['metadata.owner[jsonpath]$', /unknown operator/],
  ['name[toString]x', /unknown operator/],
  ['name[eq', /Position \d+/],
  ['name[eqx', /Position \d+/],
  ['name]eq[x', /Position \d+/],
  ['name', /Position \d+/],
  ['[eq]x', /Position \d+/],
  ['name[]x', /Position \d+/],
  ['name [eq]x', /Position \d+/],
  ['name[eq]', /Position \d+/],
  ['name[eq]"open', /Position \d+/],
  ['name[eq]"a"b', /Position \d+/],
  ['name[eq]"a\\n"', /Position \d+/],
  ['name[in]', /Position \d+/],
  ['name[in]a,,b', /Position \d+/],
  ['name[eq]a;', /Position \d+/],
  [';name[eq]a', /Position \d+/],
  ['', /Position \d+/],
  ['size[eq]large', /expected a finite number/],
  ['size[eq]0x10', /expected a finite number/],
  ['size[eq]1e999', /expected a finite number/],
  ['creation_ts[bf]yesterday', /expected a date/],
  ['creation_ts[bf]2025-02-30', /expected a date/],
  ['creation_ts[bf]2025-01-01T00:00:00', /expected a date/],
  ['has_private_key[eq]yes', /expected true or false/],
  ['metadata.owner[exists]maybe', /expected nothing, true or false/],
  ['metadata.a.b.c.d.e.f.g.h.i[eq]x', /at most 8/],
  ['metadata..a[eq]x', /Position \d+/],
  ['metadata[jsonpath]', /Position \d+/],
  ['metadata[jsonpath]$.a ==', /./],
  ['metadata[jsonpath]$.a == $b', /./],
  ['metadata[jsonpath]drop table kms_key', /./],
  [`metadata[jsonpath]${'$.a == 1 && '.repeat(90)}$.a == 1`, /1,?024/],
  [`metadata[jsonpath]$${'.keyvalue()'.repeat(10)}`, /at most 4/],
  [Array(21).fill('name[eq]a').join(';'), /at most 20 conditions/],
  [`name[in]${'a,'.repeat(100)}b`, /100/],
  [`name[eq]${'a'.repeat(4_100)}`, /4096|4,096/],
];

describe('filters', () => {
  let app: TestApp;
  let client: KmsCaller;
  let all: Key[];

  const query = (...filters: string[]): string =>
    filters.map((filter) => `filter=${encodeURIComponent(filter)}`).join('&');
  const find = async (...filters: string[]): Promise<string> => {
    const { status, body, text } = await client.call<KeyPage>('GET', `${KEYS}?${query(...filters)}`);
    if (status !== 200) throw new Error(text);
    return body.list.map((key) => key.key_id.slice(-1)).join('');
  };

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: MIXED_ENGINES } });
    client = await KmsCaller.of(app, TENANT);
    await plantMixedKeys(app, client, TENANT);
    all = (await client.list()).body.list;
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe.each(Object.entries(FINDS))('%s', (_, rows) => {
    it.each(rows)('%s finds %s', async (filter, expected) => {
      expect(await find(filter)).toBe(expected);
      expect((await client.stats(filter)).total_keys).toBe(expected.length);
    });
  });

  it('finds by fingerprint and by public key, as they are shown', async () => {
    for (const key of all) {
      expect(await find(`fingerprint[eq]${key.fingerprint}`)).toBe(key.key_id.slice(-1));
      expect(await find(`public_key[eq]${key.public_key}`)).toBe(key.key_id.slice(-1));
      expect(await find(`public_key[ct]${key.public_key.slice(60, 160)}`)).toBe(key.key_id.slice(-1));
    }
  });

  it('joins conditions given as several parameters', async () => {
    expect(await find('algorithm[eq]ECDSA', 'engine_id[eq]hsm')).toBe('3');
    expect(await find('tags[ct]prod;algorithm[eq]RSA', 'size[eq]2048')).toBe('1');
  });

  it.each(REFUSED)('400 for %s', async (filter, reason) => {
    for (const path of [KEYS, `${KMS}/stats`]) {
      const answer = await client.call('GET', `${path}?${query(filter)}`);
      expect(refusal(answer)).toEqual([400, 'invalid_filter']);
      expect(answer.body.detail).toMatch(reason);
    }
  });

  it('says which of several filters is at fault', async () => {
    const answer = await client.call('GET', `${KEYS}?${query('name[eq]a', 'nme[eq]a')}`);
    expect([...refusal(answer), answer.body.detail]).toEqual([
      400,
      'invalid_filter',
      expect.stringMatching(/filter 2.*unknown field "nme"/i),
    ]);
  });

  it.each([
    `name[eq]' OR '1'='1`,
    `name[eq]'; DROP TABLE kms_key; --`,
    `name[in]a','b`,
    `tags[ct]x' OR tenant_id <> '`,
    `metadata.owner[eq]' UNION SELECT * FROM tenant --`,
    `metadata."a' -> 'b"[eq]x`,
    `metadata."x') OR ('1"[exists]`,
    `key_id[eq]$1`,
    `name[ct]\\'`,
    `metadata[jsonpath]$.a == "'; DROP TABLE kms_key --"`,
  ])('takes SQL in a value for text: %s', async (filter) => {
    const quoted = filter.replace(/^(\w+\[eq\])('.*;.*)$/, '$1"$2"').replace(/^(metadata\[jsonpath\])/, '$1');
    expect(await find(quoted)).toBe('');
    expect((await client.list()).body.list).toEqual(all);
  });

  it('takes a wildcard, an expression and a regular expression in a value for text', async () => {
    for (const filter of [
      'name[eq]%',
      'name[eq]*',
      'name[ct].*',
      'name[eq]^Alpha$',
      'tags[ct]%',
      'metadata.owner[ct]_eam',
    ]) {
      expect([filter, await find(filter)]).toEqual([filter, '']);
    }
  });

  it('bounds the time of a catastrophic path and of a catastrophic expression: 400', async () => {
    await app.tenant('crowded');
    await app.database.transaction({ tenantId: 'crowded' }, (tx) =>
      tx.query(
        `INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state, origin, metadata)
         SELECT 'crowded', 'key-' || n, 'n', 'software', 'Ed25519', 256, false, ''::bytea, 'f' || n, 'enabled', 'imported',
                jsonb_build_object('a', repeat('a', 3001), 'list', (SELECT jsonb_agg(i) FROM generate_series(1, 400) i))
           FROM generate_series(1, 2000) n`,
      ),
    );
    const crowded = await KmsCaller.of(app, 'crowded');
    for (const path of [
      '$.list[*] ? (exists($.list[*] ? (exists($.list[*] ? (@ > 1000)))))',
      '$.** ? (exists($.** ? (exists($.** ? (@ > 1000)))))',
      '$.a like_regex "^(a*)(a*)\\\\1\\\\2$"',
    ]) {
      const answer = await crowded.list({ filter: `metadata[jsonpath]${path}` });
      expect(refusal(answer as never)).toEqual([400, 'filter_too_costly']);
    }
    expect((await client.list()).status).toBe(200);
  });

  it('counts what a filter finds, by engine and algorithm, and 0 for the others', async () => {
    expect(await client.stats()).toEqual({
      total_keys: 6,
      keys_distribution_per_engine: { software: 4, hsm: 2 },
      keys_distribution_per_algorithm: { RSA: 1, ECDSA: 2, ECDSA_SECP256K1: 1, Ed25519: 2, ML_DSA: 0 },
    });
    expect(await client.stats('engine_id[eq]hsm')).toEqual({
      total_keys: 2,
      keys_distribution_per_engine: { software: 0, hsm: 2 },
      keys_distribution_per_algorithm: { RSA: 0, ECDSA: 1, ECDSA_SECP256K1: 0, Ed25519: 1, ML_DSA: 0 },
    });
  });

  it('400 for a parameter that there is not, 401 without a token, 403 without the permission', async () => {
    const signer = await KmsCaller.of(app, TENANT, 'kms:keys:sign kms:engines:read');
    for (const path of [KEYS, `${KMS}/stats`]) {
      expect(refusal(await client.call('GET', `${path}?filters=name[eq]a`))).toEqual([
        400,
        'validation_failed',
      ]);
      expect(refusal(await app.call('GET', `${path}?filter=x`))).toEqual([401, 'unauthenticated']);
      expect(refusal(await signer.call('GET', `${path}?filter=x`))).toEqual([403, 'forbidden']);
    }
  });
});
