import { Name, type JsonName } from '@peculiar/x509';

type StringType = 'printableString' | 'ia5String' | 'utf8String';

interface AttributeRow {
  readonly oid: string;
  /** The one string type that RFC 5280 allows, where it allows but one. */
  readonly only?: 'printableString' | 'ia5String';
  readonly form?: RegExp;
}

/** Attribute types of RFC 4514 §3 and RFC 5280 §4.1.2.4, by their names in lower case. */
const ATTRIBUTES: ReadonlyMap<string, AttributeRow> = new Map(
  Object.entries<AttributeRow>({
    cn: { oid: '2.5.4.3' },
    sn: { oid: '2.5.4.4' },
    surname: { oid: '2.5.4.4' },
    serialnumber: { oid: '2.5.4.5', only: 'printableString' },
    c: { oid: '2.5.4.6', only: 'printableString', form: /^[A-Za-z]{2}$/ },
    l: { oid: '2.5.4.7' },
    st: { oid: '2.5.4.8' },
    street: { oid: '2.5.4.9' },
    o: { oid: '2.5.4.10' },
    ou: { oid: '2.5.4.11' },
    t: { oid: '2.5.4.12' },
    title: { oid: '2.5.4.12' },
    g: { oid: '2.5.4.42' },
    gn: { oid: '2.5.4.42' },
    givenname: { oid: '2.5.4.42' },
    i: { oid: '2.5.4.43' },
    initials: { oid: '2.5.4.43' },
    dnqualifier: { oid: '2.5.4.46', only: 'printableString' },
    uid: { oid: '0.9.2342.19200300.100.1.1' },
    dc: { oid: '0.9.2342.19200300.100.1.25', only: 'ia5String' },
    e: { oid: '1.2.840.113549.1.9.1', only: 'ia5String' },
    emailaddress: { oid: '1.2.840.113549.1.9.1', only: 'ia5String' },
  }),
);

/** Bounds, so that making a name takes no time worth mentioning: of all attributes, and of the characters of each. */
const MAX_ATTRIBUTES = 20;
const MAX_VALUE_LENGTH = 255;

type Attribute = JsonName[number];

const OID = /^(?:[01]\.[1-3]?\d|2\.(?:0|[1-9]\d{0,8}))(?:\.(?:0|[1-9]\d{0,8})){1,30}$/;
const CHARACTERS: Readonly<Record<'printableString' | 'ia5String', RegExp>> = {
  printableString: /^[A-Za-z0-9 '()+,./:=?-]*$/,
  ia5String: /^[\x20-\x7e]*$/,
};

/** Either half of an escape (RFC 4514 §2.4): a special character, or bytes of UTF-8 in hex. */
const ESCAPE = /\\(?:([ "#+,;<=>\\])|((?:[0-9a-fA-F]{2})(?:\\[0-9a-fA-F]{2})*))/y;
const PLAIN = /[^"+,;<>\\]+/y;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a distinguished name in the text form of RFC 4514, in the order in which it is written; spaces around
 * separators are passed over. Throws `SyntaxError` with the reason; values in hex (`#04…`) are refused too.
 */
export function parseDistinguishedName(text: string): JsonName {
  const name: Map<string, Attribute>[] = [];
  let count = 0;
  let at = 0;
  for (let separator = ','; separator !== ''; separator = text[at++] ?? '') {
    const equals = text.indexOf('=', at);
    if (equals === -1) throw new SyntaxError('lacks an = after an attribute type');
    if ((count += 1) > MAX_ATTRIBUTES)
      throw new SyntaxError(`must have at most ${MAX_ATTRIBUTES} attributes`);
    const row = findAttribute(text.slice(at, equals).replace(/^ +| +$/g, ''));
    const { value, end } = readValue(text, equals + 1);
    if (separator === ',') name.push(new Map());
    const together = name.at(-1)!;
    if (together.has(row.oid)) throw new SyntaxError('must not join an attribute type with itself by +');
    together.set(row.oid, { [row.oid]: [{ [stringType(row, value)]: value }] } as unknown as Attribute);
    at = end;
  }
  return name.map((together) => join([...together.values()]));
}

/** Attributes joined by + are a SET, which DER has in the order of its encoded elements (X.690 §11.6). */
function join(attributes: readonly Attribute[]): Attribute {
  const [first = {}, ...more] = attributes;
  if (more.length === 0) return first;
  const encoded = attributes.map((one) => ({ one, der: Buffer.from(new Name([one]).toArrayBuffer()) }));
  const sorted = encoded.sort((a, b) => Buffer.compare(a.der, b.der));
  return Object.assign({}, ...sorted.map(({ one }) => one)) as Attribute;
}

function findAttribute(type: string): AttributeRow {
  const known = ATTRIBUTES.get(type.toLowerCase());
  if (known) return known;
  if (!OID.test(type)) throw new SyntaxError('has an unknown attribute type');
  return [...ATTRIBUTES.values()].find(({ oid }) => oid === type) ?? { oid: type };
}

/** The value that begins at `start`, and where its separator or the end of the text is. */
function readValue(text: string, start: number): { value: string; end: number } {
  let value = '';
  let kept = 0;
  let at = start;
  while (at < text.length && text[at] !== ',' && text[at] !== '+') {
    const [whole, special, hex] = match(ESCAPE, text, at);
    if (whole === undefined) {
      const [plain] = match(PLAIN, text, at);
      if (plain === undefined) throw new SyntaxError(`must have ${text[at]} written as \\${text[at]}`);
      if (value === '' && /^ *#/.test(plain)) throw new SyntaxError('must not have a value in hex');
      value += value === '' ? plain.replace(/^ +/, '') : plain;
      at += plain.length;
    } else {
      value += special ?? decode(hex ?? '');
      kept = value.length;
      at += whole.length;
    }
  }
  value = value.slice(0, kept) + value.slice(kept).replace(/ +$/, '');
  if (value === '') throw new SyntaxError('must not have an empty value');
  if ([...value].length > MAX_VALUE_LENGTH) {
    throw new SyntaxError(`must have values of at most ${MAX_VALUE_LENGTH} characters`);
  }
  return { value, end: at };
}

function match(pattern: RegExp, text: string, at: number): (string | undefined)[] {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? [];
}

function decode(hex: string): string {
  try {
    return utf8.decode(Buffer.from(hex.replaceAll('\\', ''), 'hex'));
  } catch {
    throw new SyntaxError('has escaped bytes that are not UTF-8');
  }
}

function stringType({ only, form }: AttributeRow, value: string): StringType {
  if (value.includes('\0')) throw new SyntaxError('must not contain U+0000');
  const type = only ?? (CHARACTERS.printableString.test(value) ? 'printableString' : 'utf8String');
  if (type !== 'utf8String' && !(CHARACTERS[type].test(value) && (form?.test(value) ?? true))) {
    throw new SyntaxError('has a value that its attribute type does not take');
  }
  return type;
}
