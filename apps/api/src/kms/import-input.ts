import { AppError } from '#kernel';
import { decodeBase64, type ImportKeyInput } from '#keys';
import type { ImportKeyDto } from './dto/import-key.dto.js';

function decode(path: 'private_key' | 'public_key', text: string | undefined): Buffer | undefined {
  if (text === undefined || text === null) return undefined;
  // Line breaks are what `base64` prints unless told otherwise.
  const bytes = decodeBase64(text.replace(/[\r\n]/g, ''));
  if (bytes) return bytes;
  const errors = [{ path, message: 'must be base64' }];
  throw new AppError('validation_failed', { detail: `${path} must be base64.`, errors });
}

/** The body of an import as the service takes it. Throws `validation_failed`. */
export function importInput(body: ImportKeyDto): ImportKeyInput {
  const privateKey = decode('private_key', body.private_key);
  const publicKey = decode('public_key', body.public_key);
  if ((privateKey === undefined) === (publicKey === undefined)) {
    const errors = [{ path: 'private_key', message: 'exactly one of private_key and public_key is needed' }];
    throw new AppError('validation_failed', {
      detail: 'Exactly one of private_key and public_key is needed.',
      errors,
    });
  }
  const { name, tags, metadata, passphrase, engine_id } = body;
  return {
    name,
    tags: tags ?? undefined,
    metadata: metadata ?? undefined,
    passphrase: passphrase ?? undefined,
    privateKey,
    publicKey,
    engineId: engine_id ?? undefined,
  };
}
