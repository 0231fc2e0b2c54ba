import { execFileSync } from 'node:child_process';
import { Name } from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDistinguishedName } from './distinguished-name.js';

/** What openssl reads in the encoded name: type, string type and value of each attribute. */
function readBack(text: string): string[] {
  const input = Buffer.from(new Name(parseDistinguishedName(text)).toArrayBuffer());
  const lines = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input }).toString().split('\n');
  return lines.filter((line) => line.includes('prim:')).map((line) => line.replace(/^.*prim: */, '').trim());
}

const parse = (text: string) => (): unknown => parseDistinguishedName(text);

describe('parseDistinguishedName', () => {
  it('gives each attribute the string type that RFC 5280 asks for, in the order in which it is written', () => {
    const name =
      'CN=a b,OU=Łódź,O=Example\\, Inc.,L=x,ST=x,STREET=x,C=PL,DC=org,E=ops@example.org,SERIALNUMBER=17,GN=x,SN=x,T=x,UID=x';
    expect(readBack(name).map((line) => line.replace(/ +/g, ' '))).toEqual([
      ...['OBJECT :commonName', 'PRINTABLESTRING :a b', 'OBJECT :organizationalUnitName', 'UTF8STRING :Łódź'],
      ...['OBJECT :organizationName', 'PRINTABLESTRING :Example, Inc.'],
      ...['OBJECT :localityName', 'PRINTABLESTRING :x', 'OBJECT :stateOrProvinceName', 'PRINTABLESTRING :x'],
      ...['OBJECT :streetAddress', 'PRINTABLESTRING :x', 'OBJECT :countryName', 'PRINTABLESTRING :PL'],
      ...['OBJECT :domainComponent', 'IA5STRING :org', 'OBJECT :emailAddress', 'IA5STRING :ops@example.org'],
      ...['OBJECT :serialNumber', 'PRINTABLESTRING :17', 'OBJECT :givenName', 'PRINTABLESTRING :x'],
      ...['OBJECT :surname', 'PRINTABLESTRING :x', 'OBJECT :title', 'PRINTABLESTRING :x'],
      ...['OBJECT :userId', 'PRINTABLESTRING :x'],
    ]);
  });

  it.each(['1.2.3', '2.999.3', '2.5.4.999999999', '1.39.1', '0.9.2342.1', '1.3.6.1.4.1.429496729'])(
    'encodes the attribute type %s as it was given',
    (oid) => {
      expect(readBack(`${oid}=x`)[0]).toMatch(new RegExp(`^OBJECT *:${oid.replaceAll('.', '\\.')}$`));
    },
  );

  it('puts the attributes of one RDN in the order that DER has them in', () => {
    const [together] = parseDistinguishedName('O=valued+CN=m,C=PL');
    expect(Object.keys(together!)).toEqual(['2.5.4.3', '2.5.4.10']);
  });

  it.each([
    ['CN=\\2c', ','],
    ['CN=a\\,b\\+c\\"d\\\\e\\;f\\<g\\>h\\=i\\#j\\ k', 'a,b+c"d\\e;f<g>h=i#j k'],
    ['CN=\\c5\\81\\c3\\b3d\\C5\\BA', 'Łódź'],
    ['CN=\\e2\\82\\ac\\f0\\9f\\98\\80', '€😀'],
    ['CN=\\ kept\\20', ' kept '],
    [' CN = passed over  ', 'passed over'],
    ['CN=\u00a0kept\u00a0', '\u00a0kept\u00a0'],
    ['CN=a=b', 'a=b'],
    ['CN=\\#04', '#04'],
    ['CN=\\0d', '\r'],
    ['CN=\\2cA', ',A'],
  ])('reads %j', (text, value) => {
    expect(Object.values(parseDistinguishedName(text)[0]!).flat()).toEqual([
      { [/^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) ? 'printableString' : 'utf8String']: value },
    ]);
  });

  it('reads back whatever is escaped', () => {
    const value = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        value.filter((text) => !text.includes('\0') && text.isWellFormed()),
        (text) => {
          const hex = [...Buffer.from(text)]
            .map((byte) => `\\${byte.toString(16).padStart(2, '0')}`)
            .join('');
          const special = text.replaceAll(/[ "#+,;<=>\\]/g, String.raw`\$&`);
          for (const written of [hex, special]) {
            const [attribute] = parseDistinguishedName(`CN=${written}`);
            expect(Object.values(attribute!['2.5.4.3']![0]!)).toEqual([text]);
          }
        },
      ),
    );
  });

  it.each([
    ...[
      '',
      ' ',
      ',',
      '=',
      '=x',
      'CN',
      'CN=',
      'CN= ',
      'CN=,O=x',
      'CN=a,',
      ',CN=a',
      'O=a,,CN=b',
      'CN=a+',
      'CN=a, ',
    ],
    ...[
      'CN=a\\',
      'CN=\\',
      'CN=\\z',
      'CN=\\2',
      'CN=\\c3',
      'CN=\\c3x',
      'CN=\\ff',
      'CN=\\ed\\a0\\80',
      'CN=\\00',
    ],
    ...['CN="a"', 'CN=a;O=b', 'CN=<a>', 'CN=#', 'CN=#0402ff', 'CN= #0402ff', 'x CN=a', 'CN =a,b'],
    ...['DC=€', 'E=é€@x', 'SERIALNUMBER=é', 'C=Poland', 'C=P1', 'C=łł', 'C=P', '2.5.4.6=Poland', 'DC=\\0a'],
    ...['XYZ=1', 'constructor=x', 'toString=a', '__proto__=x', 'hasOwnProperty=x', 'only=x'],
    ...['1=x', '1.2=x', '3.1.1=x', '1.40.1=x', '2.5.4.03=x', '2..5=x', '2.5.4.99999999999999999999=x', '.=x'],
    ...['CN=a+CN=b', 'CN=a+2.5.4.3=b', `CN=${'x'.repeat(256)}`, Array(21).fill('OU=x').join()],
    ...[Array.from({ length: 21 }, (_, n) => `1.2.3.${n}=x`).join('+')],
  ])('refuses %j with a reason', (text) => {
    expect(parse(text)).toThrow(SyntaxError);
  });

  it('takes as much as its bounds allow', () => {
    expect(parseDistinguishedName(Array(20).fill('OU=x').join())).toHaveLength(20);
    expect(parseDistinguishedName(`CN=${'😀'.repeat(255)}`)).toHaveLength(1);
  });

  it('throws nothing but reasons, and gives only what can be encoded', () => {
    const piece = fc.constantFrom(...'CN= O= DC= 1.2.3= , + \\ \\c3\\b3 # " ; é 😀 a'.split(' '), ' ', '=');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          new Name(parseDistinguishedName(pieces.join(''))).toArrayBuffer();
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
