/** Secrets by what they are called where one is found. */
export type Secrets = ReadonlyMap<string, string | Buffer>;

const jsonEscaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** What base64 has of these bytes wherever they stand in a longer whole, whose other bytes are not known. */
function base64Cores(bytes: Buffer): [aligned: string, by1: string, by2: string] {
  const core = (before: number): string => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const ownFrom = before === 0 ? 0 : before + 1;
    const isWhole = (before + bytes.length) % 3 === 0;
    return text.slice(ownFrom, isWhole ? undefined : -1);
  };
  return [core(0), core(1), core(2)];
}

const toBase64Url = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_');

/** Every form in which a secret might be seen, by its name. Of bytes that are no text there are fewer. */
export function formsOf(secret: string | Buffer): Map<string, Buffer> {
  const bytes = Buffer.from(secret as string);
  const cores = base64Cores(bytes);
  const forms: [string, string | Buffer][] = [
    ['it is', bytes],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
    ...cores.map((core, at): [string, string] => [`base64 at ${at}`, core]),
    ...cores.map((core, at): [string, string] => [`base64url at ${at}`, toBase64Url(core)]),
  ];
  if (typeof secret === 'string') {
    forms.push(
      ['JSON', jsonEscaped(secret)],
      ['JSON in JSON', jsonEscaped(jsonEscaped(secret))],
      ['part of a URL', encodeURIComponent(secret)],
      ['part of a form', new URLSearchParams({ '': secret }).toString().slice(1)],
    );
  }
  return new Map(forms.map(([name, form]) => [name, Buffer.from(form as string)]));
}

/** What was seen of a program, place by place, and whether a secret is in it. */
export class SecretSearch {
  readonly #places: (readonly [place: string, bytes: Buffer])[] = [];

  /** Bytes that PostgreSQL shows in hex are looked at as bytes, too. */
  add(place: string, seen: string | Buffer): void {
    const bytes = Buffer.from(seen as string);
    this.#places.push([place, bytes]);
    for (const [, hex = ''] of bytes.toString('latin1').matchAll(/\\x((?:[0-9a-f]{2}){8,})/g))
      this.#places.push([`${place}, decoded`, Buffer.from(hex, 'hex')]);
  }

  /** Places that were looked at. */
  get places(): string[] {
    return this.#places.map(([place]) => place);
  }

  /** `<secret> as <form> in <place>`, once for each. */
  find(secrets: Secrets): string[] {
    const found = new Set<string>();
    for (const [name, secret] of secrets) {
      for (const [form, wanted] of formsOf(secret)) {
        for (const [place, bytes] of this.#places)
          if (bytes.includes(wanted)) found.add(`${name} as ${form} in ${place}`);
      }
    }
    return [...found];
  }
}
