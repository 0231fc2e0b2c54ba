import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alternativeNamesExtension, type AlternativeNames } from './subject-alternative-names.js';

/** The encoded names, in hex: of each the tag [n], its length and its value. */
const encoded = (names: AlternativeNames): string | undefined => {
  const [extension] = alternativeNamesExtension(names);
  return extension && Buffer.from(extension.value).toString('hex');
};

const ascii = (text: string): string => Buffer.from(text).toString('hex');

describe('alternativeNamesExtension', () => {
  it('is none where there are no names', () => {
    expect(encoded({})).toBeUndefined();
    expect(encoded({ dns_names: [], ip_addresses: [], email_addresses: [], uris: [] })).toBeUndefined();
  });

  it.each([
    ['192.0.2.17', 'c0000211'],
    ['255.255.255.255', 'ffffffff'],
    ['2001:db8::17', '20010db8000000000000000000000017'],
    ['2001:DB8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['1::', `0001${'0'.repeat(28)}`],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
    ['::1.2.3.4', '00000000000000000000000001020304'],
    ['1:2:3:4:5:6:192.0.2.17', '000100020003000400050006c0000211'],
    ['::ffff:0:0', '00000000000000000000ffff00000000'],
  ])('has the bytes of the address %s', (address, bytes) => {
    const length = bytes.length / 2;
    const hex = (value: number): string => value.toString(16).padStart(2, '0');
    expect(encoded({ ip_addresses: [address] })).toBe(`30${hex(length + 2)}87${hex(length)}${bytes}`);
  });

  it('has the bytes of every IPv6 address', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, dotted) => {
        const hex = Buffer.from(bytes).toString('hex');
        const groups = hex.match(/.{4}/g)!;
        const address = dotted
          ? `${groups.slice(0, 6).join(':')}:${bytes.slice(12).join('.')}`
          : groups.join(':');
        expect(encoded({ ip_addresses: [address] })).toBe(`30128710${hex}`);
      }),
    );
  });

  it('has names of each kind under the tag of their kind', () => {
    const names = { dns_names: ['*.a.b'], email_addresses: ['a@b'], uris: ['spiffe://a/b'] };
    const parts = [`8205${ascii('*.a.b')}`, `8103${ascii('a@b')}`, `860c${ascii('spiffe://a/b')}`];
    expect(encoded(names)).toBe(`301a${parts.join('')}`);
  });

  it.each<[keyof AlternativeNames, string[]]>([
    ['ip_addresses', ['fe80::1%eth0', '::1%1', '::ffff:1.2.3.4%x', '', '256.0.0.1', '1.2.3', '01.2.3.4']],
    ['ip_addresses', ['10.0.0.0/8', '::/0', '1::2::3', '::1.2.3.256', '[::1]', ' ::1', 'localhost']],
    ['dns_names', ['', 'a b', 'a.', '.a', 'a..b', '*', '*.*.a', 'a.*.b', 'łódź.pl', 'a/b', 'a\n', '-a.b']],
    ['dns_names', [`${'a'.repeat(64)}.b`, `${'a.'.repeat(127)}b`]],
    ['email_addresses', ['', 'a', '@b', 'a@', 'a@b@c', 'é@b', 'a b@c', 'a@b\n']],
    ['uris', ['', '/a', 'a', '//a/b', 'https://é', 'https://a b', 'https://']],
  ])('refuses, by the name of the member, %s such as %j', (member, values) => {
    for (const value of values) {
      const refusal = expect.objectContaining({
        code: 'validation_failed',
        errors: [{ path: member, message: expect.stringMatching(/^must be /) as string }],
      }) as Error;
      expect(() => encoded({ [member]: [value] }), value).toThrow(refusal);
    }
  });
});
