import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { derBitString, derOid, derSequence } from './der-writer.js';
import { mlDsaMu } from './ml-dsa-mu.js';

/** The `openssl` command's SHAKE256. */
const shake256 = (input: Buffer): Buffer =>
  execFileSync('openssl', ['dgst', '-shake256', '-xoflen', '64', '-binary'], { input });

describe('mlDsaMu', () => {
  const publicKey = Buffer.alloc(1312, 0x5a);
  const spki = derSequence(derSequence(derOid('2.16.840.1.101.3.4.3.17')), derBitString(publicKey));

  it.each([1, 135, 136, 4_097, 100_000])('is that of FIPS 204 for a message of %i bytes', (length) => {
    const message = Buffer.alloc(length, 7);
    const expected = shake256(Buffer.concat([shake256(publicKey), Buffer.of(0, 0), message]));
    expect(mlDsaMu(spki, message)).toEqual(expected);
    expect(expected).toHaveLength(64);
  });
});
