import { AppError } from '#kernel';

/** A key that is refused; `detail` says why and holds nothing of the key. */
export const invalidKey = (detail: string, cause?: unknown): AppError =>
  new AppError('invalid_key_material', { detail, cause });
