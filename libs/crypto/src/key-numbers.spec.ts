import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretBytes } from '#kernel';
import { curveParameters, curvePublicKey, keyNumbers, rsaPublicKey } from './key-numbers.js';
import { KEY_SPECS, type KeySpec } from './key-specs.js';

const CURVES = KEY_SPECS.filter((spec) => curveParameters(spec) !== undefined);
const refused = expect.objectContaining({ code: 'invalid_key_material' });

function pair(spec: KeySpec): { pkcs8: SecretBytes; spki: Buffer } {
  const options = {
    namedCurve: spec.namedCurve ?? '',
    modulusLength: spec.size,
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  } as const;
  const { privateKey, publicKey } = generateKeyPairSync(spec.keyType as 'ec', options);
  return { pkcs8: SecretBytes.take(privateKey), spki: publicKey };
}

const taken = <Kind extends 'rsa' | 'curve'>(
  pkcs8: SecretBytes,
  kind: Kind,
): Extract<ReturnType<typeof keyNumbers>, { kind: Kind }> => {
  const numbers = keyNumbers(pkcs8);
  expect(numbers.kind).toBe(kind);
  return numbers as never;
};

describe('the parts of a key', () => {
  it('are those of five curves of Weierstraß and one of Edwards', () => {
    expect(CURVES).toHaveLength(6);
  });

  it.each(CURVES)('of $algorithm $size are put together again, the point wrapped or not', (spec) => {
    const { pkcs8, spki } = pair(spec);
    const { point, secret, spki: told } = taken(pkcs8, 'curve');
    const parameters = curveParameters(spec)!;
    expect(told).toEqual(spki);
    expect(curvePublicKey(parameters, point)).toMatchObject({ spki, spec });
    const bare = point.subarray(
      point.length - (spec.keyType === 'ec' ? 1 + 2 * Math.ceil(spec.size / 8) : 32),
    );
    const wrapped = Buffer.concat([Buffer.from([0x03, ...lengthOctets(bare.length + 1), 0]), bare]);
    expect(curvePublicKey(parameters, bare)).toMatchObject({ spki, spec });
    expect(curvePublicKey(parameters, wrapped)).toMatchObject({ spki, spec });
    const { d } = createPrivateKey({ key: pkcs8.expose('test'), format: 'der', type: 'pkcs8' }).export({
      format: spec.namedCurve === 'secp224r1' ? 'der' : 'jwk',
      type: 'sec1',
    } as { format: 'jwk' });
    if (d !== undefined) expect(secret.toString('base64url')).toBe(d);
  });

  it('of RSA are put together again', () => {
    const { pkcs8, spki } = pair(KEY_SPECS[0]!);
    const { modulus, publicExponent, privateExponent, crt } = taken(pkcs8, 'rsa');
    expect(rsaPublicKey(modulus, publicExponent)).toMatchObject({ spki, spec: KEY_SPECS[0] });
    const jwk = createPrivateKey({ key: pkcs8.expose('test'), format: 'der', type: 'pkcs8' }).export({
      format: 'jwk',
    });
    const all = [modulus, publicExponent, privateExponent, ...crt].map((part) => part.toString('base64url'));
    expect(all).toEqual([jwk.n, jwk.e, jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi]);
  });

  it('that are secret are the private key itself, so that wiping it wipes them', () => {
    for (const spec of [KEY_SPECS[0]!, ...CURVES]) {
      const { pkcs8 } = pair(spec);
      const numbers = keyNumbers(pkcs8);
      const secrets = numbers.kind === 'rsa' ? [numbers.privateExponent, ...numbers.crt] : [numbers.secret];
      pkcs8.wipe();
      for (const secret of secrets) expect(secret.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('name the Edwards curve by its string as well', () => {
    const spec = CURVES.find(({ keyType }) => keyType === 'ed25519')!;
    const { pkcs8, spki } = pair(spec);
    const name = Buffer.from('130c656477617264733235353139', 'hex');
    expect(curvePublicKey(name, taken(pkcs8, 'curve').point)).toMatchObject({ spki, spec });
  });

  it('are refused where they are no key: a point of another curve, explicit parameters, junk', () => {
    const [first, second] = CURVES.slice(1, 3).map((spec) => taken(pair(spec).pkcs8, 'curve').point);
    const parameters = curveParameters(CURVES[1]!)!;
    expect(() => curvePublicKey(parameters, second!)).toThrow(refused);
    expect(() => curvePublicKey(Buffer.from('3000', 'hex'), first!)).toThrow(refused);
    for (const junk of [Buffer.alloc(0), Buffer.alloc(65, 4), Buffer.concat([first!, Buffer.of(0)])]) {
      expect(() => curvePublicKey(parameters, junk)).toThrow(refused);
      expect(() => curvePublicKey(junk, first!)).toThrow(refused);
    }
    expect(() => rsaPublicKey(Buffer.alloc(256), Buffer.of(1, 0, 1))).toThrow(refused);
  });
});

const lengthOctets = (length: number): number[] => (length < 0x80 ? [length] : [0x81, length]);
