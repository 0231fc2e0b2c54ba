/** What `{id}` in a path can be: a key id, an alias, or a PKCS#11 URI (RFC 7512 form, our attributes). */
export type KeyReference =
  | { readonly kind: 'id'; readonly keyId: string; readonly engineId?: string }
  | { readonly kind: 'alias'; readonly alias: string };

const KEY_ID = /^key-[A-Za-z0-9-]{1,64}$/;
const ALIAS = /^[A-Za-z0-9._:/@+-]{1,128}$/;
const RESERVED: ReadonlySet<string> = new Set(['.', '..', 'batch', 'bulk', 'import']);

/** Whether `value` may be an alias; the reason why not, else undefined. */
export function aliasFault(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (!ALIAS.test(value)) return 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : / @ + -';
  if (value.startsWith('key-') || value.startsWith('pkcs11:')) return 'must not begin with key- or pkcs11:';
  if (RESERVED.has(value)) return 'is reserved';
  if (value.startsWith('/') || value.endsWith('/')) return 'must not begin or end with /';
  return undefined;
}

/** `pkcs11:token-id=<engine>;id=<key>;type=private|public`. */
export const pkcs11Uri = (engineId: string, keyId: string, hasPrivateKey: boolean): string =>
  `pkcs11:token-id=${engineId};id=${keyId};type=${hasPrivateKey ? 'private' : 'public'}`;

function parsePkcs11Uri(text: string): KeyReference | undefined {
  const attributes = new Map<string, string>();
  for (const part of text.slice('pkcs11:'.length).split(';')) {
    const [name, value, ...rest] = part.split('=');
    if (!name || value === undefined || rest.length > 0 || attributes.has(name)) return undefined;
    attributes.set(name, value);
  }
  const [engineId, keyId, type] = ['token-id', 'id', 'type'].map((name) => attributes.get(name));
  const known = [...attributes.keys()].every((name) => ['token-id', 'id', 'type'].includes(name));
  if (!known || !engineId || !keyId || !KEY_ID.test(keyId)) return undefined;
  if (type !== undefined && type !== 'private' && type !== 'public') return undefined;
  return { kind: 'id', keyId, engineId };
}

/** Reads a reference; undefined for what can name no key, which is answered as an unknown key is. */
export function parseKeyReference(text: string): KeyReference | undefined {
  if (text.length > 512) return undefined;
  if (text.startsWith('key-')) return KEY_ID.test(text) ? { kind: 'id', keyId: text } : undefined;
  if (text.startsWith('pkcs11:')) return parsePkcs11Uri(text);
  return aliasFault(text) ? undefined : { kind: 'alias', alias: text };
}
