import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { CheckpointLine } from '#audit';
import { AppError } from '#kernel';

const ED25519_SIGNATURE_LENGTH = 64;
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410). */
const ED25519_SPKI_LENGTH = 44;

const base64Of = (length: number) =>
  z.base64().refine((text) => Buffer.from(text, 'base64').length === length);

const checkpointLine = z.strictObject({
  body: z.string(),
  signature: base64Of(ED25519_SIGNATURE_LENGTH),
  public_key: base64Of(ED25519_SPKI_LENGTH),
});

const checkpointBody = z.looseObject({
  id: z.string(),
  ts: z.string(),
  heads: z.array(
    z.looseObject({
      tenant: z.string(),
      lane: z.number().int().min(0),
      seq: z.number().int().min(1),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** Reads one line of a checkpoint file. Undefined where it is malformed; whether its signature holds is not asked. */
export function parseCheckpointLine(text: string): CheckpointLine | undefined {
  try {
    const line = checkpointLine.parse(JSON.parse(text));
    checkpointBody.parse(JSON.parse(line.body));
    return line;
  } catch {
    return undefined;
  }
}

/**
 * Reads checkpoints that were kept elsewhere, a JSON line each. Throws `validation_failed` naming the file, and the
 * line that is malformed: a checkpoint that cannot be read must not pass for one that holds.
 */
export async function readCheckpointFile(file: string): Promise<CheckpointLine[]> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new AppError('validation_failed', { detail: `${file} cannot be read.`, cause });
  });
  const lines: CheckpointLine[] = [];
  let number = 0;
  try {
    for await (const text of handle.readLines({ encoding: 'utf8' })) {
      number += 1;
      const line = parseCheckpointLine(text);
      if (!line)
        throw new AppError('validation_failed', { detail: `${file}: line ${number} is not a checkpoint.` });
      lines.push(line);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('validation_failed', { detail: `${file} cannot be read.`, cause });
  } finally {
    await handle.close();
  }
  return lines;
}
