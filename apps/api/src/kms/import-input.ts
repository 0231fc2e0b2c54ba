import { invalidMember } from '#kernel';
import { decodeBase64, type ImportKeyInput, type WrappedImportInput } from '#keys';
import type { ImportKeyDto } from './dto/import-key.dto.js';

const MATERIAL = ['private_key', 'public_key', 'wrapped_key'] as const;

function decode(path: (typeof MATERIAL)[number], text: string): Buffer {
  // Line breaks are what `base64` prints unless told otherwise.
  const bytes = decodeBase64(text.replace(/[\r\n]/g, ''));
  if (bytes) return bytes;
  throw invalidMember(path, 'must be base64');
}

/** The body of an import as the services take it. Throws `validation_failed`. */
export function importInput(body: ImportKeyDto): ImportKeyInput | WrappedImportInput {
  const given = MATERIAL.filter((path) => (body[path] ?? undefined) !== undefined);
  const [path] = given.includes('wrapped_key') ? (['wrapped_key'] as const) : given;
  if (!path || given.some((other) => other !== path && (path !== 'wrapped_key' || other === 'private_key'))) {
    throw invalidMember('private_key', 'exactly one of private_key, public_key and wrapped_key is needed');
  }
  const bytes = decode(path, body[path]!);
  const { name, tags, metadata, passphrase, engine_id, import_token } = body;
  const described = {
    name,
    tags: tags ?? undefined,
    metadata: metadata ?? undefined,
    engineId: engine_id ?? undefined,
  };
  if ((path === 'wrapped_key') !== ((import_token ?? undefined) !== undefined)) {
    throw invalidMember('import_token', 'is needed with wrapped_key, and with nothing else');
  }
  if (path === 'wrapped_key') {
    if ((passphrase ?? undefined) !== undefined)
      throw invalidMember('passphrase', 'does not go with wrapped_key');
    const half = given.includes('public_key') && { publicKey: decode('public_key', body.public_key!) };
    return { ...described, wrappedKey: bytes, importToken: import_token!, ...half };
  }
  return {
    ...described,
    passphrase: passphrase ?? undefined,
    ...(path === 'private_key' ? { privateKey: bytes } : { publicKey: bytes }),
  };
}

export const isWrapped = (input: ImportKeyInput | WrappedImportInput): input is WrappedImportInput =>
  'wrappedKey' in input;
